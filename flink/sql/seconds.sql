-- The seconds with the change of the mid over each and its spread beside what was usual, and the sums that longer windows
-- need of them.
CREATE TEMPORARY VIEW seconds AS
SELECT *,
  $of_seconds
FROM (
  SELECT told.*, usual.spread_quartiles, usual.usual_seconds
  FROM (
    SELECT *, LAG(newest_mid) OVER (PARTITION BY venue, symbol ORDER BY closed_at) AS mid_before
    FROM second_runs
  ) AS told
  JOIN usual_spreads AS usual
  ON told.venue = usual.venue AND told.symbol = usual.symbol AND told.closed_at = usual.closed_at
)
