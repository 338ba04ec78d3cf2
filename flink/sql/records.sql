-- Every readable record of a symbol in its order, one scan for the whole job. A book carries its quantities, all null
-- where a side is empty; a level that is missing counts as 0. The others have none of them: they say the time and the
-- state. `live` is what a record says of the symbol from its time on. `untrusted_before` is the offset of the last record
-- up to this one that says that it is or was not live, -1 before any: where it is the same for two live books, nothing
-- was lost between them. `last_*` is what the symbol's book before said, whatever came in between; `follows_on` whether
-- a live book follows on that one without a break of trust. A rolling mean is the difference of two sums since the
-- beginning: an OVER of so many rows would keep each of them whole.
CREATE TEMPORARY VIEW records AS
WITH told AS (
  SELECT
    `type` AS record_type, venue, symbol, kafka_offset, event_time_ms, receive_time_ms, update_id,
    `state` AS book_state, cause, reason,
    CASE WHEN `type` = 'feed_gap' THEN end_event_time_ms IS NOT NULL ELSE `state` = 'live' END AS live,
    $quantity_expressions,
    $book_told AS book_told,
    level_updates, trades, buy_qty, sell_qty, bid_add, bid_cut, ask_add, ask_cut,
    event_time, PROCTIME() AS arrival
  FROM raw_records
  WHERE $readable
), in_order AS (
  -- What the newest book tells on each record, so that the book after a heartbeat finds them one record before itself.
  SELECT
    record_type, venue, symbol, kafka_offset, event_time_ms, receive_time_ms, update_id, book_state, cause, reason, live,
    $quantity_columns,
    level_updates, trades, buy_qty, sell_qty, bid_add, bid_cut, ask_add, ask_cut,
    LAST_VALUE(book_told) OVER arrivals AS newest_told,
    MAX(CASE WHEN record_type = 'book' THEN kafka_offset END) OVER arrivals AS newest_book,
    COALESCE(
      MAX(CASE WHEN record_type = 'feed_gap' OR NOT live THEN kafka_offset END) OVER arrivals, -1
    ) AS untrusted_before,
    COALESCE(SUM(best_ask - best_bid) OVER arrivals, 0) AS spread_so_far,
    COALESCE(SUM(bid_depth) OVER arrivals, 0) AS bid_depth_so_far,
    COALESCE(SUM(ask_depth) OVER arrivals, 0) AS ask_depth_so_far,
    COUNT(bid_depth) OVER arrivals AS books_so_far,
    LAG(event_time_ms) OVER arrivals AS last_event_time_ms,
    LAG(live) OVER arrivals AS last_live,
    event_time, arrival
  FROM told
  WINDOW arrivals AS (PARTITION BY symbol ORDER BY arrival)
), after_the_last AS (
  SELECT *,
    LAG(newest_told) OVER arrivals AS last_told,
    LAG(newest_book) OVER arrivals AS last_book,
    spread_so_far - COALESCE(LAG(spread_so_far, $baseline_records) OVER arrivals, 0) AS baseline_spread,
    bid_depth_so_far - COALESCE(LAG(bid_depth_so_far, $baseline_records) OVER arrivals, 0) AS baseline_bid_depth,
    ask_depth_so_far - COALESCE(LAG(ask_depth_so_far, $baseline_records) OVER arrivals, 0) AS baseline_ask_depth,
    books_so_far - COALESCE(LAG(books_so_far, $baseline_records) OVER arrivals, 0) AS baseline_books
  FROM in_order
  WINDOW arrivals AS (PARTITION BY symbol ORDER BY arrival)
)
SELECT
  record_type, venue, symbol, kafka_offset, untrusted_before,
  event_time_ms, receive_time_ms, update_id, book_state, cause, reason, live,
  $trusted_ms AS trusted_ms,
  $quantity_columns,
  level_updates, trades, buy_qty, sell_qty, bid_add, bid_cut, ask_add, ask_cut,
  $level_flows AS level_flows,
  $flow_weights AS flow_weights,
  $adjustments AS adjustments,
  $follows_on AS follows_on,
  $last_columns,
  baseline_spread / NULLIF(baseline_books, 0) AS spread_baseline,
  baseline_bid_depth / NULLIF(baseline_books, 0) AS bid_depth_baseline,
  baseline_ask_depth / NULLIF(baseline_books, 0) AS ask_depth_baseline,
  baseline_books,
  event_time AS record_time
FROM after_the_last
