-- The quartiles of each second's mean spread over the last seconds, of those that had books. Apart from the seconds
-- themselves, because an OVER keeps each row that it looks back on whole, and checkpoints it.
CREATE TEMPORARY VIEW usual_spreads AS
SELECT
  venue, symbol, closed_at,
  PERCENTILE(spread_mean, ARRAY[0.25, 0.5, 0.75]) OVER usual AS spread_quartiles,
  COUNT(spread_mean) OVER usual AS usual_seconds
FROM (SELECT venue, symbol, closed_at, spread_sum / NULLIF(spread_count, 0) AS spread_mean FROM second_sums)
WINDOW usual AS (
  PARTITION BY venue, symbol ORDER BY closed_at
  RANGE BETWEEN INTERVAL '$usual_preceding_s' SECOND PRECEDING AND CURRENT ROW
)
