-- The pressing side changes again and again. Only the books at which it changed reach the matching; a weak imbalance
-- has no side and lets the last one stand.
CREATE TEMPORARY VIEW flip_flop AS
SELECT
  venue, symbol, CASE WHEN pressing > 0 THEN 'bid' ELSE 'ask' END AS side, 'medium' AS severity,
  onset_time_ms, event_time_ms, `value`, peak, CAST($flip_imbalance AS DOUBLE) AS threshold
FROM (
  SELECT venue, symbol, kafka_offset, untrusted_before, event_time_ms, imbalance_ratio, pressing, record_time
  FROM (
    SELECT *,
      LAG(pressing) OVER of_symbol AS pressing_before,
      LAG(untrusted_before) OVER of_symbol AS untrusted_before_that
    FROM (
      SELECT
        venue, symbol, kafka_offset, untrusted_before, event_time_ms, imbalance_ratio,
        CASE WHEN imbalance_ratio > 0 THEN 1 ELSE -1 END AS pressing,
        record_time, PROCTIME() AS arrival
      FROM live_books
      WHERE ABS(imbalance_ratio) > $flip_imbalance
    )
    WINDOW of_symbol AS (PARTITION BY symbol ORDER BY arrival)
  )
  WHERE pressing <> pressing_before AND untrusted_before = untrusted_before_that
)
MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY record_time, kafka_offset
  MEASURES
    LAST(F.venue) AS venue,
    LAST(F.pressing) AS pressing,
    FIRST(F.event_time_ms) AS onset_time_ms,
    LAST(F.event_time_ms) AS event_time_ms,
    ABS(LAST(F.imbalance_ratio)) AS `value`,
    MAX(ABS(F.imbalance_ratio)) AS peak
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (F{$flips}) WITHIN INTERVAL '$flip_within_s' SECOND
  DEFINE
    F AS F.untrusted_before = FIRST(F.untrusted_before)
)
