-- Large orders that were gone after takers had traded against the other side. The same with takers on the order's own
-- side is the control: no alert, but every alert tells how often either was seen lately.
CREATE TEMPORARY VIEW spoof_like AS
SELECT
  venue, symbol, side, 'medium' AS severity, onset_time_ms, event_time_ms, `value`, `value` AS peak, threshold,
  'seen ' || CAST(opposite_lately AS STRING) || ' times in the last hour, its control ' || CAST(same_lately AS STRING)
    AS reason
FROM (
  SELECT *,
    COUNT(CASE WHEN opposite_filled THEN 1 END) OVER lately AS opposite_lately,
    COUNT(CASE WHEN same_filled THEN 1 END) OVER lately AS same_lately
  FROM pattern_large_orders_gone
  WINDOW lately AS (
    PARTITION BY symbol ORDER BY gone_time RANGE BETWEEN INTERVAL '$spoof_counted_h' HOUR PRECEDING AND CURRENT ROW
  )
)
WHERE opposite_filled
