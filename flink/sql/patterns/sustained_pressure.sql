-- One side presses without a break. One match a stretch, at the first book that completes the hold: `pressing` is the
-- side of each book, and only a book whose predecessor did not press so begins a match. Books that neither press nor
-- end a stretch are left out before the matching, which costs more than all else here.
CREATE TEMPORARY VIEW sustained_pressure AS
SELECT
  venue, symbol, CASE WHEN pressing > 0 THEN 'bid' ELSE 'ask' END AS side, 'medium' AS severity,
  onset_time_ms, event_time_ms, `value`, GREATEST(onset_value, COALESCE(held_value, 0), `value`) AS peak,
  CAST($pressure_imbalance AS DOUBLE) AS threshold
FROM (
  SELECT *
  FROM (
    SELECT
      venue, symbol, kafka_offset, untrusted_before, event_time_ms, imbalance_ratio,
      CASE
        WHEN imbalance_ratio > $pressure_imbalance THEN 1
        WHEN imbalance_ratio < -$pressure_imbalance THEN -1
        ELSE 0
      END AS pressing,
      CASE
        WHEN NOT follows_on THEN CAST(NULL AS INT)
        WHEN last_imbalance_ratio > $pressure_imbalance THEN 1
        WHEN last_imbalance_ratio < -$pressure_imbalance THEN -1
        ELSE 0
      END AS pressing_before,
      record_time
    FROM (
      SELECT *,
        (last_bid_depth - last_ask_depth) / NULLIF(last_bid_depth + last_ask_depth, 0) AS last_imbalance_ratio
      FROM live_books
    )
  )
  WHERE pressing <> 0 OR pressing_before <> 0
)
MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY record_time, kafka_offset
  MEASURES
    F.venue AS venue,
    S.pressing AS pressing,
    S.event_time_ms AS onset_time_ms,
    F.event_time_ms AS event_time_ms,
    ABS(S.imbalance_ratio) AS onset_value,
    MAX(ABS(P.imbalance_ratio)) AS held_value,
    ABS(F.imbalance_ratio) AS `value`
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (S P*? F) WITHIN INTERVAL '$pressure_within_s' SECOND
  DEFINE
    S AS S.pressing <> 0 AND (S.pressing_before IS NULL OR S.pressing_before <> S.pressing),
    P AS P.pressing = S.pressing AND P.untrusted_before = S.untrusted_before
      AND P.event_time_ms - S.event_time_ms < $pressure_hold_ms,
    F AS F.pressing = S.pressing AND F.untrusted_before = S.untrusted_before
      AND F.event_time_ms - S.event_time_ms >= $pressure_hold_ms
)
