-- The seconds with what runs on from second to second: the newest mid and VPIN up to each, and the volume delta since the
-- beginning.
CREATE TEMPORARY VIEW second_runs AS
SELECT *,
  LAST_VALUE(mid_close) OVER so_far AS newest_mid,
  SUM(buy_volume - sell_volume) OVER so_far AS cvd,
  LAST_VALUE(newest_vpin) OVER so_far AS vpin
FROM second_sums
WINDOW so_far AS (PARTITION BY venue, symbol ORDER BY closed_at)
