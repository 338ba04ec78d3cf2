-- Depth that was there a moment ago is gone, and the spread is wide: what is left between is a hole. Only books short of
-- depth reach the matching. The usual book before them, with which a match begins, is a column of the first of them:
-- `begins` says that it is the first, `goes_on` that the book before was short too.
CREATE TEMPORARY VIEW liquidity_vacuum AS
SELECT
  venue, symbol, CASE WHEN imbalance_ratio > 0 THEN 'bid' ELSE 'ask' END AS side, 'high' AS severity,
  onset_time_ms, event_time_ms, `value`, `value` AS peak, 1 - CAST($vacuum_depth_share AS DOUBLE) AS threshold
FROM (
  SELECT *,
    follows_compared AND share_before >= $vacuum_usual_share AS begins,
    follows_compared AND share_before < $vacuum_usual_share AS goes_on,
    depth_share < $vacuum_depth_share AND spread_multiple >= $vacuum_spread_multiple AS gone
  FROM pattern_compared_books
  WHERE depth_share < $vacuum_usual_share
)
MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY record_time, kafka_offset
  MEASURES
    V.venue AS venue,
    V.imbalance_ratio AS imbalance_ratio,
    COALESCE(FIRST(D.time_before_ms), V.time_before_ms) AS onset_time_ms,
    V.event_time_ms AS event_time_ms,
    1 - V.depth_share AS `value`
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (D*? V) WITHIN INTERVAL '$vacuum_within_s' SECOND
  DEFINE
    D AS NOT D.gone AND CASE WHEN D.kafka_offset = FIRST(D.kafka_offset) THEN D.begins ELSE D.goes_on END,
    V AS V.gone AND CASE WHEN FIRST(D.kafka_offset) IS NULL THEN V.begins ELSE V.goes_on END
      AND V.event_time_ms - COALESCE(FIRST(D.time_before_ms), V.time_before_ms) < 1000 * $vacuum_within_s
)
