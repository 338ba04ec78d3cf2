-- What the alerts read of every record, behind the key they are partitioned by: the values that the rules in force need
-- (orderbook.alerts.AlertRules.values), as one flat row of numbers.
SELECT
  symbol,
  ROW(
    symbol, venue, record_type, kafka_offset, heartbeat_before, event_time_ms,
    CASE WHEN book_state = 'live' THEN CAST(NULL AS STRING) ELSE COALESCE(reason, cause, book_state) END,
    CASE WHEN book_state = 'live' THEN CAST(NULL AS STRING) ELSE cause END,
    $alert_values
  ) AS alert_record
FROM measured
WHERE record_type <> 'feed_gap'
