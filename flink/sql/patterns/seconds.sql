-- What was usual in each second of a symbol's proven books, and the most that was added to one level behind the touch.
CREATE TEMPORARY VIEW pattern_seconds AS
SELECT
  symbol,
  PERCENTILE(bid_depth + ask_depth, 0.5) AS depth,
  PERCENTILE(spread, 0.5) AS spread,
  NULLIF(MAX(GREATEST(COALESCE(bid_add[2], 0), COALESCE(ask_add[2], 0))), 0) AS largest_add,
  window_time AS second_time
FROM TABLE(TUMBLE(TABLE live_books, DESCRIPTOR(record_time), INTERVAL '1' SECOND))
GROUP BY symbol, window_start, window_end, window_time
