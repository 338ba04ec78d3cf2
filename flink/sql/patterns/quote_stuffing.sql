-- Books that change at many levels while hardly anybody trades, one after the other. Only they and the book that ends a
-- row of them reach the matching.
CREATE TEMPORARY VIEW quote_stuffing AS
SELECT
  venue, symbol, CAST(NULL AS STRING) AS side, 'medium' AS severity,
  onset_time_ms, event_time_ms, `value`, peak, CAST($stuffing_level_updates AS DOUBLE) AS threshold
FROM (
  SELECT
    venue, symbol, kafka_offset, untrusted_before, event_time_ms, level_updates,
    level_updates > $stuffing_level_updates AND trades <= $stuffing_trades AS stuffed,
    record_time
  FROM live_books
  WHERE level_updates > $stuffing_level_updates AND trades <= $stuffing_trades
    OR follows_on AND last_level_updates > $stuffing_level_updates AND last_trades <= $stuffing_trades
)
MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY record_time, kafka_offset
  MEASURES
    E.venue AS venue,
    FIRST(S.event_time_ms) AS onset_time_ms,
    E.event_time_ms AS event_time_ms,
    CAST(LAST(S.level_updates) AS DOUBLE) AS `value`,
    CAST(MAX(S.level_updates) AS DOUBLE) AS peak
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (S{$stuffing_books,} E) WITHIN INTERVAL '$stuffing_within_s' SECOND
  DEFINE
    S AS S.stuffed AND S.untrusted_before = FIRST(S.untrusted_before),
    E AS NOT E.stuffed AND E.untrusted_before = FIRST(S.untrusted_before)
)
