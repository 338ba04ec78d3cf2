-- The spread jumps and is slow to come back: for more books than the one or two that a healthy market needs.
CREATE TEMPORARY VIEW spread_shock AS
SELECT
  venue, symbol, CAST(NULL AS STRING) AS side, 'high' AS severity,
  onset_time_ms, event_time_ms, `value`, GREATEST(onset_value, wide_value) AS peak,
  CAST($shock_spread_multiple AS DOUBLE) AS threshold
FROM pattern_compared_books
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
  PATTERN (Q S W{$shock_wide_books,} R) WITHIN INTERVAL '$shock_within_s' SECOND
  DEFINE
    Q AS Q.spread_multiple < $shock_usual_multiple,
    S AS S.spread_multiple >= $shock_spread_multiple AND S.untrusted_before = Q.untrusted_before,
    W AS W.spread_multiple >= $shock_usual_multiple AND W.untrusted_before = Q.untrusted_before,
    R AS R.spread_multiple < $shock_usual_multiple AND R.untrusted_before = Q.untrusted_before
)
