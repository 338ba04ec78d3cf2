-- Every readable record of a symbol, one scan for the whole job. A book carries its quantities, all null where a side is
-- empty; a level that is missing counts as 0. A heartbeat has none of them: it says the time and the state.
-- `heartbeat_before` is the offset of the symbol's last heartbeat up to the record: the two kinds part ways here, since
-- only books count in the rolling means, and the alerts put them together again with it (flink.ordering).
WITH ordered AS (
  SELECT *,
    MAX(CASE WHEN record_type = 'heartbeat' THEN kafka_offset END)
      OVER (PARTITION BY symbol ORDER BY arrival) AS heartbeat_before
  FROM (
    SELECT
      `type` AS record_type, venue, symbol, kafka_offset, event_time_ms, receive_time_ms, update_id,
      `state` AS book_state, cause, reason,
      $quantity_expressions,
      event_time, PROCTIME() AS arrival
    FROM raw_records
    WHERE $readable
  )
)
SELECT
  record_type, venue, symbol, kafka_offset, heartbeat_before, event_time_ms, receive_time_ms, update_id,
  book_state, cause, reason,
  $quantity_columns,
  AVG(best_ask - best_bid) OVER baseline AS spread_baseline,
  AVG(bid_depth) OVER baseline AS bid_depth_baseline,
  AVG(ask_depth) OVER baseline AS ask_depth_baseline,
  COUNT(best_ask - best_bid) OVER baseline AS baseline_books,
  event_time
FROM ordered
WHERE record_type = 'book'
WINDOW baseline AS (PARTITION BY symbol ORDER BY arrival ROWS BETWEEN $baseline_preceding PRECEDING AND CURRENT ROW)
UNION ALL
SELECT
  record_type, venue, symbol, kafka_offset, heartbeat_before, event_time_ms, receive_time_ms, update_id,
  book_state, cause, reason,
  $quantity_columns,
  CAST(NULL AS DOUBLE),
  CAST(NULL AS DOUBLE),
  CAST(NULL AS DOUBLE),
  CAST(NULL AS BIGINT),
  event_time
FROM ordered
WHERE record_type = 'heartbeat'
