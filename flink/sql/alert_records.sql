-- What the alerts read. Within a symbol books come in order and heartbeats come in order, but not the ones among the
-- others: kafka_offset puts them together again (flink.alert_function).
SELECT
  symbol, venue, record_type, kafka_offset, event_time_ms,
  CASE WHEN book_state = 'live' THEN CAST(NULL AS STRING) ELSE COALESCE(reason, book_state) END AS untrusted,
  imbalance_ratio,
  CASE WHEN spread_baseline_books >= $warm_up_books THEN spread / NULLIF(spread_baseline, 0) END AS spread_ratio
FROM measured
