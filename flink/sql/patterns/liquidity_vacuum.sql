-- Depth that was there a moment ago is gone, and the spread is wide: what is left between is a hole.
CREATE TEMPORARY VIEW liquidity_vacuum AS
SELECT
  venue, symbol, CASE WHEN imbalance_ratio > 0 THEN 'bid' ELSE 'ask' END AS side, 'high' AS severity,
  onset_time_ms, event_time_ms, `value`, `value` AS peak, 1 - CAST($vacuum_depth_share AS DOUBLE) AS threshold
FROM pattern_compared_books
MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY record_time, kafka_offset
  MEASURES
    V.venue AS venue,
    V.imbalance_ratio AS imbalance_ratio,
    N.event_time_ms AS onset_time_ms,
    V.event_time_ms AS event_time_ms,
    1 - V.depth_share AS `value`
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (N D*? V) WITHIN INTERVAL '$vacuum_within_s' SECOND
  DEFINE
    N AS N.depth_share >= $vacuum_usual_share,
    D AS D.depth_share < $vacuum_usual_share AND D.untrusted_before = N.untrusted_before
      AND NOT (D.depth_share < $vacuum_depth_share AND D.spread_multiple >= $vacuum_spread_multiple),
    V AS V.depth_share < $vacuum_depth_share AND V.spread_multiple >= $vacuum_spread_multiple
      AND V.untrusted_before = N.untrusted_before
)
