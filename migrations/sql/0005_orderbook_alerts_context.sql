-- What stood in the book when an episode began; and a suppressed episode is no longer an ended one.

ALTER TABLE orderbook_alerts ADD COLUMN context jsonb;

COMMENT ON COLUMN orderbook_alerts.context IS 'The book and its metrics at the onset, and some seconds before it; NULL where no book began it';
COMMENT ON COLUMN orderbook_alerts.status IS 'FIRING, ESCALATED, RECOVERING, SUPPRESSED, NODATA, RESOLVED or MATCHED';
COMMENT ON COLUMN orderbook_alerts.peak IS 'Worst value since the onset';
COMMENT ON COLUMN orderbook_alerts.resolved_time IS 'Event time of the step that ended the episode, RESOLVED or MATCHED (SUPPRESSED in episodes before this column was described so); NULL while it lasts';
