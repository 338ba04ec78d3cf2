-- Every readable record of a symbol, one scan for the whole job. A book carries its quantities, all null where a side is
-- empty; a level that is missing counts as 0. The others have none of them: they say the time and the state.
-- `heartbeat_before` is the offset of the symbol's last heartbeat up to the record: the two kinds part ways here, since
-- only books count in the rolling means, and the alerts put them together again with it (flink.ordering).
-- `live` is what a record says of the symbol from its time on. `untrusted_before` is the offset of the last record up to
-- this one that says that it is or was not live, -1 before any: where it is the same for two live books, nothing was
-- lost between them. What flows from one book to the next is computed before the records become a stream, since every
-- reader of that stream would compute it again.
WITH ordered AS (
  SELECT *,
    MAX(CASE WHEN record_type = 'heartbeat' THEN kafka_offset END) OVER arrivals AS heartbeat_before,
    COALESCE(
      MAX(CASE WHEN record_type = 'feed_gap' OR NOT live THEN kafka_offset END) OVER arrivals, -1
    ) AS untrusted_before,
    LAG(event_time_ms) OVER arrivals AS last_event_time_ms,
    LAG(live) OVER arrivals AS last_live
  FROM (
    SELECT
      `type` AS record_type, venue, symbol, kafka_offset, event_time_ms, receive_time_ms, update_id,
      `state` AS book_state, cause, reason,
      CASE WHEN `type` = 'feed_gap' THEN end_event_time_ms IS NOT NULL ELSE `state` = 'live' END AS live,
      bid_price, bid_qty, ask_price, ask_qty,
      $quantity_expressions,
      level_updates, trades, buy_qty, sell_qty,
      event_time, PROCTIME() AS arrival
    FROM raw_records
    WHERE $readable
  )
  WINDOW arrivals AS (PARTITION BY symbol ORDER BY arrival)
), books_in_order AS (
  SELECT *,
    LAG(CASE WHEN live THEN untrusted_before END) OVER arrivals AS last_untrusted_before,
    LAG(bid_price) OVER arrivals AS last_bid_price,
    LAG(bid_qty) OVER arrivals AS last_bid_qty,
    LAG(ask_price) OVER arrivals AS last_ask_price,
    LAG(ask_qty) OVER arrivals AS last_ask_qty
  FROM ordered
  WHERE record_type = 'book'
  WINDOW arrivals AS (PARTITION BY symbol ORDER BY arrival)
)
SELECT
  record_type, venue, symbol, kafka_offset, heartbeat_before, untrusted_before,
  event_time_ms, receive_time_ms, update_id, book_state, cause, reason, live,
  $trusted_ms AS trusted_ms,
  $quantity_columns,
  level_updates, trades, buy_qty, sell_qty,
  $level_flows AS level_flows,
  AVG(best_ask - best_bid) OVER baseline AS spread_baseline,
  AVG(bid_depth) OVER baseline AS bid_depth_baseline,
  AVG(ask_depth) OVER baseline AS ask_depth_baseline,
  COUNT(best_ask - best_bid) OVER baseline AS baseline_books,
  event_time
FROM books_in_order
WINDOW baseline AS (PARTITION BY symbol ORDER BY arrival ROWS BETWEEN $baseline_preceding PRECEDING AND CURRENT ROW)
UNION ALL
SELECT
  record_type, venue, symbol, kafka_offset, heartbeat_before, untrusted_before,
  event_time_ms, receive_time_ms, update_id, book_state, cause, reason, live,
  $trusted_ms AS trusted_ms,
  $quantity_columns,
  level_updates, trades, buy_qty, sell_qty,
  CAST(NULL AS ARRAY<DOUBLE>),
  CAST(NULL AS DOUBLE),
  CAST(NULL AS DOUBLE),
  CAST(NULL AS DOUBLE),
  CAST(NULL AS BIGINT),
  event_time
FROM ordered
WHERE record_type <> 'book'
