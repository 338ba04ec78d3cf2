-- What is normal for a symbol: medians over its last seconds, of those that had books; null while they are too few. A
-- usual add is what the largest add of a second seldom exceeds.
CREATE TEMPORARY VIEW pattern_norms AS
SELECT
  symbol,
  CASE WHEN COUNT(depth) OVER last_seconds >= $norm_least_seconds THEN PERCENTILE(depth, 0.5) OVER last_seconds END
    AS normal_depth,
  CASE WHEN COUNT(depth) OVER last_seconds >= $norm_least_seconds THEN PERCENTILE(spread, 0.5) OVER last_seconds END
    AS normal_spread,
  CASE WHEN COUNT(largest_add) OVER last_seconds >= $norm_least_seconds
    THEN PERCENTILE(largest_add, $spoof_usual_quantile) OVER last_seconds END
    AS usual_add,
  second_time
FROM pattern_seconds
WINDOW last_seconds AS (
  PARTITION BY symbol ORDER BY second_time
  RANGE BETWEEN INTERVAL '$norm_preceding_s' SECOND PRECEDING AND CURRENT ROW
)
