-- What the windows are made of: every record, for how long its symbol was trusted, and the metrics of the live books;
-- the trades; and VPIN after each bucket of volume.
CREATE TEMPORARY VIEW window_records AS
SELECT
  venue, symbol, kafka_offset, event_time_ms, live, trusted_ms, record_time,
  CASE WHEN live AND record_type = 'book' THEN update_id END AS update_id,
  CAST(NULL AS STRING) AS aggressor,
  CAST(NULL AS DOUBLE) AS quantity,
  CAST(NULL AS DOUBLE) AS vpin,
  $live_metric_expressions
FROM measured
UNION ALL
SELECT
  venue, symbol, CAST(NULL AS BIGINT), event_time_ms, CAST(NULL AS BOOLEAN), CAST(0 AS BIGINT), event_time,
  CAST(NULL AS BIGINT), aggressor, quantity, CAST(NULL AS DOUBLE),
  $no_metrics
FROM trade_records
WHERE $trade_readable
UNION ALL
SELECT
  venue, symbol, CAST(NULL AS BIGINT), event_time_ms, CAST(NULL AS BOOLEAN), CAST(0 AS BIGINT), event_time,
  CAST(NULL AS BIGINT), CAST(NULL AS STRING), CAST(NULL AS DOUBLE), vpin,
  $no_metrics
FROM volume_buckets
