-- The trades on their symbol's clock of volume, which ticks once a bucket of VPIN: `volume_time` is what it shows after
-- the trade, `share` how far the trade moved it, `imbalance_so_far` the same sum with what was sold taken off. A bucket
-- is of a fixed size where a setting gives one; else it is that part of a day's volume, by the pace of the UTC day
-- before. The starts of two days are held, those of even and of odd ones: one is today's, the other the day's before.
CREATE TEMPORARY VIEW volume_clock AS
WITH told AS (
  SELECT
    venue, symbol, event_time_ms, event_time_ms / 86400000 AS utc_day, quantity,
    CASE WHEN aggressor = 'buy' THEN 1 ELSE -1 END AS direction,
    event_time, PROCTIME() AS arrival
  FROM trade_records
  WHERE $trade_readable
), so_far AS (
  SELECT *,
    SUM(quantity) OVER arrivals - quantity AS volume_before,
    LAG(utc_day) OVER arrivals AS last_day
  FROM told
  WINDOW arrivals AS (PARTITION BY symbol ORDER BY arrival)
), day_by_day AS (
  SELECT *,
    CASE WHEN last_day IS NULL OR utc_day > last_day THEN MOD(utc_day, 2) END AS begins,
    CASE WHEN last_day IS NULL THEN event_time_ms ELSE utc_day * 86400000 END AS day_start_ms
  FROM so_far
), day_starts AS (
  SELECT *,
    LAST_VALUE(CASE WHEN begins = 0 THEN volume_before END) OVER arrivals AS even_volume,
    LAST_VALUE(CASE WHEN begins = 1 THEN volume_before END) OVER arrivals AS odd_volume,
    LAST_VALUE(CASE WHEN begins = 0 THEN day_start_ms END) OVER arrivals AS even_start_ms,
    LAST_VALUE(CASE WHEN begins = 1 THEN day_start_ms END) OVER arrivals AS odd_start_ms
  FROM day_by_day
  WINDOW arrivals AS (PARTITION BY symbol ORDER BY arrival)
), shares AS (
  SELECT
    venue, symbol, event_time_ms, direction, event_time, arrival,
    quantity / COALESCE(
      $vpin_fixed_sizes,
      CASE WHEN ABS(even_start_ms - odd_start_ms) >= 3600000 THEN
        (even_volume - odd_volume) / NULLIF(even_start_ms - odd_start_ms, 0) * 86400000E0 / $vpin_buckets_a_day
      END
    ) AS share
  FROM day_starts
)
SELECT *,
  SUM(share) OVER arrivals AS volume_time,
  SUM(direction * share) OVER arrivals AS imbalance_so_far
FROM shares
WINDOW arrivals AS (PARTITION BY symbol ORDER BY arrival)
