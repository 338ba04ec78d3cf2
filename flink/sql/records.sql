-- Every readable record of a symbol in its order, one scan for the whole job. A book carries its quantities, all null
-- where a side is empty; a level that is missing counts as 0. The others have none of them: they say the time and the
-- state. `live` is what a record says of the symbol from its time on. `untrusted_before` is the offset of the last record
-- up to this one that says that it is or was not live, -1 before any: where it is the same for two live books, nothing
-- was lost between them. `last_*` is what the symbol's book before said, whatever came in between; `follows_on` whether
-- a live book follows on that one without a break of trust. A rolling mean is the difference of two sums since the
-- beginning: those up to this record, and those up to the end of a third of the records looked back on, three ends ago at
-- most. So it lets go of a third at once, and its state is the sums at the last four ends: an OVER or a LAG of so many
-- records would keep, copy and checkpoint each of them.
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
    COALESCE(
      MAX(CASE WHEN record_type = 'feed_gap' OR NOT live THEN kafka_offset END) OVER arrivals, -1
    ) AS untrusted_before,
    COALESCE(SUM(best_ask - best_bid) OVER arrivals, 0) AS spread_so_far,
    COALESCE(SUM(bid_depth) OVER arrivals, 0) AS bid_depth_so_far,
    COALESCE(SUM(ask_depth) OVER arrivals, 0) AS ask_depth_so_far,
    COUNT(bid_depth) OVER arrivals AS books_so_far,
    COUNT(*) OVER arrivals AS records_so_far,
    LAG(event_time_ms) OVER arrivals AS last_event_time_ms,
    LAG(live) OVER arrivals AS last_live,
    event_time, arrival
  FROM told
  WINDOW arrivals AS (PARTITION BY symbol ORDER BY arrival)
), at_ends AS (
  SELECT *,
    CASE WHEN MOD(records_so_far, $baseline_third) = 0 THEN MOD(records_so_far / $baseline_third, 4) END AS ended,
    ARRAY[CAST(books_so_far AS DOUBLE), spread_so_far, bid_depth_so_far, ask_depth_so_far] AS so_far
  FROM in_order
), after_the_last AS (
  SELECT *,
    LAG(newest_told) OVER arrivals AS last_told,
    LAST_VALUE(CASE WHEN ended = 0 THEN so_far END) OVER arrivals AS at_end_0,
    LAST_VALUE(CASE WHEN ended = 1 THEN so_far END) OVER arrivals AS at_end_1,
    LAST_VALUE(CASE WHEN ended = 2 THEN so_far END) OVER arrivals AS at_end_2,
    LAST_VALUE(CASE WHEN ended = 3 THEN so_far END) OVER arrivals AS at_end_3
  FROM at_ends
  WINDOW arrivals AS (PARTITION BY symbol ORDER BY arrival)
), beside_baseline AS (
  SELECT *,
    books_so_far - CAST(COALESCE(before_baseline[1], 0) AS BIGINT) AS baseline_books,
    spread_so_far - COALESCE(before_baseline[2], 0) AS baseline_spread,
    bid_depth_so_far - COALESCE(before_baseline[3], 0) AS baseline_bid_depth,
    ask_depth_so_far - COALESCE(before_baseline[4], 0) AS baseline_ask_depth
  FROM (
    SELECT *,
      -- The end of the third before the one before that of this record; before the second there is none.
      CASE MOD((records_so_far - 1) / $baseline_third, 4)
        WHEN 2 THEN at_end_0 WHEN 3 THEN at_end_1 WHEN 0 THEN at_end_2 ELSE at_end_3
      END AS before_baseline
    FROM after_the_last
  )
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
FROM beside_baseline
