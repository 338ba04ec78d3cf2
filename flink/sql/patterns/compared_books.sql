-- Books beside what is normal at their time, and what the book before was: null until there is a norm. Rounded, because a
-- spread of one tick is a difference of two decimal prices and differs in its last digits from book to book.
CREATE TEMPORARY VIEW pattern_compared_books AS
SELECT *,
  untrusted_before = LAG(untrusted_before) OVER of_symbol AS follows_compared,
  LAG(event_time_ms) OVER of_symbol AS time_before_ms,
  LAG(depth_share) OVER of_symbol AS share_before,
  LAG(spread_multiple) OVER of_symbol AS multiple_before
FROM (
  SELECT
    book.venue, book.symbol, book.kafka_offset, book.untrusted_before, book.event_time_ms, book.imbalance_ratio,
    (book.bid_depth + book.ask_depth) / NULLIF(norm.normal_depth, 0) AS depth_share,
    ROUND(book.spread / NULLIF(norm.normal_spread, 0), 6) AS spread_multiple,
    book.record_time, PROCTIME() AS arrival
  FROM live_books AS book
  JOIN pattern_newest_norms FOR SYSTEM_TIME AS OF book.record_time AS norm ON book.symbol = norm.symbol
)
WINDOW of_symbol AS (PARTITION BY symbol ORDER BY arrival)
