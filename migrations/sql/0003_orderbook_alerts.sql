-- Alert episodes: one row each, as its newest step says.

CREATE TABLE orderbook_alerts (
    alert_id       text             PRIMARY KEY,
    venue          text             NOT NULL,
    symbol         text             NOT NULL,
    rule           text             NOT NULL,
    side           text,
    severity       text             NOT NULL,
    status         text             NOT NULL,
    step           bigint           NOT NULL,
    onset_time     timestamptz      NOT NULL,
    event_time     timestamptz      NOT NULL,
    fired_time     timestamptz,
    resolved_time  timestamptz,
    value          double precision NOT NULL,
    peak           double precision NOT NULL,
    threshold      double precision NOT NULL,
    reason         text
);

CREATE INDEX orderbook_alerts_event_time ON orderbook_alerts (event_time DESC);
CREATE INDEX orderbook_alerts_symbol_event_time ON orderbook_alerts (symbol, event_time DESC);

COMMENT ON TABLE orderbook_alerts IS 'Alert episodes, one row each, as the newest step says';
COMMENT ON COLUMN orderbook_alerts.alert_id IS 'Identity of the episode: the same for each of its steps and each replay';
COMMENT ON COLUMN orderbook_alerts.venue IS 'Where the books come from: binance, binance_us, simulator, recording';
COMMENT ON COLUMN orderbook_alerts.symbol IS 'Market, for example BTCUSDT';
COMMENT ON COLUMN orderbook_alerts.rule IS 'Rule that made the alert';
COMMENT ON COLUMN orderbook_alerts.side IS 'Side that presses: bid or ask; NULL where the rule has none';
COMMENT ON COLUMN orderbook_alerts.severity IS 'medium or high';
COMMENT ON COLUMN orderbook_alerts.status IS 'FIRING, ESCALATED, RECOVERING, RESOLVED, SUPPRESSED or MATCHED';
COMMENT ON COLUMN orderbook_alerts.step IS 'Number of the newest step, from 0';
COMMENT ON COLUMN orderbook_alerts.onset_time IS 'Event time at which the condition began';
COMMENT ON COLUMN orderbook_alerts.event_time IS 'Event time of the record that made the newest step';
COMMENT ON COLUMN orderbook_alerts.fired_time IS 'Event time of the first FIRING (or MATCHED) step; NULL before it';
COMMENT ON COLUMN orderbook_alerts.resolved_time IS 'Event time of the step that ended the episode: RESOLVED, SUPPRESSED or MATCHED; NULL while it lasts';
COMMENT ON COLUMN orderbook_alerts.value IS 'Quantity of the rule at the newest step, positive towards the side';
COMMENT ON COLUMN orderbook_alerts.peak IS 'Largest value since the onset';
COMMENT ON COLUMN orderbook_alerts.threshold IS 'Threshold that was crossed';
COMMENT ON COLUMN orderbook_alerts.reason IS 'Why the step was made, where the rule says so';
