-- What the alerts read: of every record of the symbol, a handful of numbers.
SELECT
  symbol, venue, record_type, kafka_offset, heartbeat_before, event_time_ms,
  CASE WHEN book_state = 'live' THEN CAST(NULL AS STRING) ELSE COALESCE(reason, book_state) END AS untrusted,
  imbalance_ratio,
  CASE WHEN spread_baseline_books >= $warm_up_books THEN spread / NULLIF(spread_baseline, 0) END AS spread_ratio
FROM measured
