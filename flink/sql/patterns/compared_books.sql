-- Books beside what is normal at their time, and what the book before was: null until there is a norm. Rounded, because a
-- spread of one tick is a difference of two decimal prices and differs in its last digits from book to book. `books_bought`
-- and `books_sold` count the books so far that tell of takers who bought, or sold. `large_from` is the least of a large add.
CREATE TEMPORARY VIEW pattern_compared_books AS
SELECT *,
  untrusted_before = LAG(untrusted_before) OVER of_symbol AS follows_compared,
  SUM(bought) OVER of_symbol AS books_bought,
  SUM(bought) OVER of_symbol - bought AS books_bought_before,
  SUM(sold) OVER of_symbol AS books_sold,
  SUM(sold) OVER of_symbol - sold AS books_sold_before,
  LAG(event_time_ms) OVER of_symbol AS time_before_ms,
  LAG(depth_share) OVER of_symbol AS share_before,
  LAG(spread_multiple) OVER of_symbol AS multiple_before
FROM (
  SELECT
    book.venue, book.symbol, book.kafka_offset, book.untrusted_before, book.event_time_ms, book.imbalance_ratio,
    (book.bid_depth + book.ask_depth) / NULLIF(norm.normal_depth, 0) AS depth_share,
    ROUND(book.spread / NULLIF(norm.normal_spread, 0), 6) AS spread_multiple,
    CASE WHEN book.buy_qty > 0 THEN 1 ELSE 0 END AS bought,
    CASE WHEN book.sell_qty > 0 THEN 1 ELSE 0 END AS sold,
    book.bid_add[1] AS bid_add_price, book.bid_add[2] AS bid_added,
    book.bid_cut[1] AS bid_cut_price, book.bid_cut[2] AS bid_taken_off,
    book.ask_add[1] AS ask_add_price, book.ask_add[2] AS ask_added,
    book.ask_cut[1] AS ask_cut_price, book.ask_cut[2] AS ask_taken_off,
    GREATEST($spoof_add_multiple * norm.usual_add, $spoof_depth_share * norm.normal_depth) AS large_from,
    book.record_time, PROCTIME() AS arrival
  FROM live_books AS book
  JOIN pattern_newest_norms FOR SYSTEM_TIME AS OF book.record_time AS norm ON book.symbol = norm.symbol
)
WINDOW of_symbol AS (PARTITION BY symbol ORDER BY arrival)
