-- A large quantity is added to one level behind the touch, and soon most of it is taken off at once and at the same price,
-- while no trade has reached it: with whether takers bought and sold in the books between the two. A bid's opposite
-- fills are buys: whoever shows a large bid and wants to sell is filled by them. Every add is a match of its own; a later
-- one at its price takes its place.
CREATE TEMPORARY VIEW pattern_large_orders_gone AS
SELECT
  venue, symbol, side, onset_time_ms, event_time_ms, `value`, threshold,
  CASE WHEN side = 'bid' THEN bought ELSE sold END AS opposite_filled,
  CASE WHEN side = 'bid' THEN sold ELSE bought END AS same_filled,
  gone_time
FROM pattern_large_changes
MATCH_RECOGNIZE (
  PARTITION BY symbol, side
  ORDER BY record_time, kafka_offset
  MEASURES
    A.venue AS venue,
    A.event_time_ms AS onset_time_ms,
    C.event_time_ms AS event_time_ms,
    A.added AS `value`,
    A.large_from AS threshold,
    C.books_bought_before > A.books_bought AS bought,
    C.books_sold_before > A.books_sold AS sold,
    MATCH_ROWTIME() AS gone_time
  ONE ROW PER MATCH
  AFTER MATCH SKIP TO NEXT ROW
  PATTERN (A X*? C) WITHIN INTERVAL '$spoof_within_s' SECOND
  DEFINE
    A AS A.large_price IS NOT NULL,
    X AS X.untrusted_before = A.untrusted_before
      AND COALESCE(X.large_price <> A.large_price, TRUE)
      AND COALESCE(X.gone_price <> A.large_price OR X.taken_off < $spoof_cut_share * A.added, TRUE),
    C AS C.untrusted_before = A.untrusted_before
      AND C.gone_price = A.large_price AND C.taken_off >= $spoof_cut_share * A.added
)
