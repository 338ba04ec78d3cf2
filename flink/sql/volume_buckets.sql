-- The full buckets of volume with VPIN after each. A trade that passes the edge of a bucket is cut there; one that fills
-- several, of which no more than the last $vpin_buckets can count, is all of those after the first.
CREATE TEMPORARY VIEW volume_buckets AS
WITH cut AS (
  SELECT *,
    volume_time - share AS volume_time_before,
    imbalance_so_far - direction * share AS imbalance_before,
    -- A sum that should reach an edge may end a hair short of it.
    FLOOR(volume_time - share + 1E-9) AS full_before,
    FLOOR(volume_time + 1E-9) AS full_after
  FROM volume_clock
), at_edges AS (
  SELECT
    venue, symbol, event_time_ms, event_time, arrival,
    full_after - full_before AS filled,
    imbalance_before + direction * (full_before + 1 - volume_time_before) AS at_first_edge,
    imbalance_before + direction * (full_after - volume_time_before) AS at_last_edge
  FROM cut
  WHERE full_after > full_before
), after_the_last AS (
  SELECT *,
    LAG(at_last_edge) OVER (PARTITION BY symbol ORDER BY arrival) AS at_edge_before,
    ARRAY_SLICE($vpin_places, 1, CAST(LEAST(filled, $vpin_buckets) AS INT)) AS places
  FROM at_edges
), full_buckets AS (
  SELECT
    venue, symbol, event_time_ms, event_time, PROCTIME() AS arrival,
    CASE WHEN place = 1 AND filled <= $vpin_buckets THEN ABS(at_first_edge - COALESCE(at_edge_before, 0)) ELSE 1 END AS imbalance
  FROM after_the_last
  CROSS JOIN UNNEST(places) AS bucket (place)
)
SELECT
  venue, symbol, event_time_ms, event_time,
  CASE WHEN COUNT(imbalance) OVER newest = $vpin_buckets THEN SUM(imbalance) OVER newest / $vpin_buckets END AS vpin
FROM full_buckets
WINDOW newest AS (PARTITION BY symbol ORDER BY arrival ROWS BETWEEN $vpin_preceding PRECEDING AND CURRENT ROW)
