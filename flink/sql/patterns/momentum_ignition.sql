-- A run of the price that takers of one side drive, and half of it given back soon after. `direction` is +1 where the
-- last two seconds were such a run upwards, -1 downwards, else 0, from the price that stood before the first of the books
-- with trades or a new price in them; only these are looked at. A match begins at the first book of a run or at one that
-- takes the price farther. Most books change neither price nor direction: they are left out before the matching.
-- The sums of quantities are only looked at where there were trades: what is left of a rolling sum when all has rolled
-- out of it is not exactly 0. Rounded, because half of a move in ticks is a difference of decimal prices.
CREATE TEMPORARY VIEW momentum_ignition AS
SELECT
  venue, symbol, CASE WHEN direction > 0 THEN 'bid' ELSE 'ask' END AS side, 'medium' AS severity,
  onset_time_ms, event_time_ms, `value`, `value` AS peak, CAST($ignition_move_bps AS DOUBLE) AS threshold
FROM (
  SELECT *,
    direction <> 0 AND (
      direction_before IS NULL OR direction_before <> direction OR direction * (mid - last_mid) > 0
    ) AS begins
  FROM (
    SELECT *,
      LAG(mid) OVER of_symbol AS last_mid,
      LAG(direction) OVER of_symbol AS direction_before
    FROM (
      SELECT
        venue, symbol, kafka_offset, untrusted_before, event_time_ms, mid, ABS(mid - mid_before) AS moved,
        10000 * ABS(mid - mid_before) / mid_before AS moved_bps,
        CASE
          WHEN recent_trades = 0 OR 10000 * ABS(mid - mid_before) < $ignition_move_bps * mid_before
            OR untrusted_before > offset_before THEN 0
          WHEN mid > mid_before AND bought >= $ignition_share * (bought + sold) THEN 1
          WHEN mid < mid_before AND sold >= $ignition_share * (bought + sold) THEN -1
          ELSE 0
        END AS direction,
        record_time, PROCTIME() AS arrival
      FROM (
        SELECT
          venue, symbol, kafka_offset, untrusted_before, event_time_ms, mid, record_time,
          FIRST_VALUE(CASE WHEN follows_on THEN COALESCE(last_mid, mid) ELSE mid END) OVER recent AS mid_before,
          FIRST_VALUE(kafka_offset) OVER recent AS offset_before,
          SUM(trades) OVER recent AS recent_trades,
          SUM(buy_qty) OVER recent AS bought,
          SUM(sell_qty) OVER recent AS sold
        FROM live_books
        WHERE mid IS NOT NULL AND (trades > 0 OR mid <> COALESCE(last_mid, 0) OR NOT follows_on)
        WINDOW recent AS (
          PARTITION BY symbol ORDER BY record_time
          RANGE BETWEEN INTERVAL '$ignition_run_s' SECOND PRECEDING AND CURRENT ROW
        )
      )
    )
    WINDOW of_symbol AS (PARTITION BY symbol ORDER BY arrival)
  )
  WHERE direction_before IS NULL OR mid <> last_mid OR direction <> direction_before
)
MATCH_RECOGNIZE (
  PARTITION BY symbol
  ORDER BY record_time, kafka_offset
  MEASURES
    D.venue AS venue,
    U.direction AS direction,
    U.event_time_ms AS onset_time_ms,
    D.event_time_ms AS event_time_ms,
    U.moved_bps AS `value`
  ONE ROW PER MATCH
  AFTER MATCH SKIP PAST LAST ROW
  PATTERN (U X*? D) WITHIN INTERVAL '$ignition_within_s' SECOND
  DEFINE
    U AS U.begins,
    X AS X.untrusted_before = U.untrusted_before
      AND ROUND(U.direction * (U.mid - X.mid) / U.moved, 6) < $ignition_given_back,
    D AS D.untrusted_before = U.untrusted_before
      AND ROUND(U.direction * (U.mid - D.mid) / U.moved, 6) >= $ignition_given_back
)
