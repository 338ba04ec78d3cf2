-- What the windows are made of: every record, for how long its symbol was trusted, and the metrics of the live books.
CREATE TEMPORARY VIEW window_records AS
SELECT
  venue, symbol, kafka_offset, event_time_ms, live, trusted_ms, record_time,
  CASE WHEN live AND record_type = 'book' THEN update_id END AS update_id,
  $live_metric_expressions
FROM measured
