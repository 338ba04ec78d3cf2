-- Every readable record of a symbol, one scan for the whole job. A book carries its quantities, all null where a side is
-- empty; a level that is missing counts as 0. A heartbeat has none of them: it says the time and the state.
SELECT
  `type` AS record_type, venue, symbol, kafka_offset, event_time_ms, receive_time_ms, update_id,
  `state` AS book_state, reason,
  $quantity_columns,
  AVG(best_ask - best_bid) OVER baseline AS spread_baseline,
  COUNT(best_ask - best_bid) OVER baseline AS spread_baseline_books,
  event_time
FROM (
  SELECT *,
  $quantity_expressions,
  PROCTIME() AS arrival
  FROM raw_records
  WHERE `type` = 'book' AND update_id IS NOT NULL AND $readable
)
WINDOW baseline AS (PARTITION BY symbol ORDER BY arrival ROWS BETWEEN $baseline_preceding PRECEDING AND CURRENT ROW)
UNION ALL
SELECT
  `type`, venue, symbol, kafka_offset, event_time_ms, receive_time_ms, update_id,
  `state`, reason,
  $null_columns,
  CAST(NULL AS DOUBLE),
  CAST(NULL AS BIGINT),
  event_time
FROM raw_records
WHERE `type` = 'heartbeat' AND $readable
