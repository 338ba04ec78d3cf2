-- The seconds with the change of the mid over each and its spread beside what was usual, and the sums that longer windows
-- need of them.
CREATE TEMPORARY VIEW seconds AS
SELECT *,
  $of_seconds
FROM (
  SELECT *,
    PERCENTILE(spread_sum / NULLIF(spread_count, 0), ARRAY[0.25, 0.5, 0.75]) OVER usual AS spread_quartiles,
    COUNT(spread_sum / NULLIF(spread_count, 0)) OVER usual AS usual_seconds
  FROM (
    SELECT *, LAG(newest_mid) OVER (PARTITION BY venue, symbol ORDER BY closed_at) AS mid_before
    FROM second_runs
  )
  WINDOW usual AS (
    PARTITION BY venue, symbol ORDER BY closed_at
    RANGE BETWEEN INTERVAL '$usual_preceding_s' SECOND PRECEDING AND CURRENT ROW
  )
)
