-- The spread jumps and is slow to come back: for more books than the one or two that a healthy market needs. The usual
-- book before the jump is a column of the jump's own row, so that only wide books and the first after them are matched.
CREATE TEMPORARY VIEW spread_shock AS
SELECT
  venue, symbol, CAST(NULL AS STRING) AS side, 'high' AS severity,
  onset_time_ms, event_time_ms, `value`, GREATEST(onset_value, wide_value) AS peak,
  CAST($shock_spread_multiple AS DOUBLE) AS threshold
FROM (
  SELECT *
  FROM pattern_compared_books
  WHERE spread_multiple >= $shock_usual_multiple OR multiple_before >= $shock_usual_multiple
)
MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY record_time, kafka_offset
  MEASURES
    R.venue AS venue,
    S.event_time_ms AS onset_time_ms,
    R.event_time_ms AS event_time_ms,
    S.spread_multiple AS onset_value,
    MAX(W.spread_multiple) AS wide_value,
    R.spread_multiple AS `value`
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (S W{$shock_wide_books,} R) WITHIN INTERVAL '$shock_within_s' SECOND
  DEFINE
    S AS S.spread_multiple >= $shock_spread_multiple
      AND S.multiple_before < $shock_usual_multiple AND S.follows_compared,
    W AS W.spread_multiple >= $shock_usual_multiple AND W.untrusted_before = S.untrusted_before,
    R AS R.spread_multiple < $shock_usual_multiple AND R.untrusted_before = S.untrusted_before
)
