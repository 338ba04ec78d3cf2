-- The seconds with the change of the mid over each, and the sums that longer windows need of it.
CREATE TEMPORARY VIEW seconds AS
SELECT *,
  $of_seconds
FROM (
  SELECT *, LAG(newest_mid) OVER (PARTITION BY venue, symbol ORDER BY closed_at) AS mid_before
  FROM second_runs
)
