-- What was usual in each second of a symbol's proven books.
CREATE TEMPORARY VIEW pattern_seconds AS
SELECT
  symbol,
  PERCENTILE(bid_depth + ask_depth, 0.5) AS depth,
  PERCENTILE(spread, 0.5) AS spread,
  window_time AS second_time
FROM TABLE(TUMBLE(TABLE live_books, DESCRIPTOR(record_time), INTERVAL '1' SECOND))
GROUP BY symbol, window_start, window_end, window_time
