-- What is normal for a symbol: medians over its last seconds, of those that had books; null while they are too few.
CREATE TEMPORARY VIEW pattern_norms AS
SELECT
  symbol,
  CASE WHEN COUNT(depth) OVER last_seconds >= $norm_least_seconds THEN PERCENTILE(depth, 0.5) OVER last_seconds END
    AS normal_depth,
  CASE WHEN COUNT(depth) OVER last_seconds >= $norm_least_seconds THEN PERCENTILE(spread, 0.5) OVER last_seconds END
    AS normal_spread,
  second_time
FROM pattern_seconds
WINDOW last_seconds AS (
  PARTITION BY symbol ORDER BY second_time
  RANGE BETWEEN INTERVAL '$norm_preceding_s' SECOND PRECEDING AND CURRENT ROW
)
