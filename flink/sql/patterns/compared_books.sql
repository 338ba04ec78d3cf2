-- Books beside what is normal at their time: null until there is a norm. Rounded, because a spread of one tick is a
-- difference of two decimal prices and differs in its last digits from book to book.
CREATE TEMPORARY VIEW pattern_compared_books AS
SELECT
  book.venue, book.symbol, book.kafka_offset, book.untrusted_before, book.event_time_ms, book.imbalance_ratio,
  (book.bid_depth + book.ask_depth) / NULLIF(norm.normal_depth, 0) AS depth_share,
  ROUND(book.spread / NULLIF(norm.normal_spread, 0), 6) AS spread_multiple,
  book.record_time
FROM live_books AS book
JOIN pattern_newest_norms FOR SYSTEM_TIME AS OF book.record_time AS norm ON book.symbol = norm.symbol
