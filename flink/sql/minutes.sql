-- Windows of a minute, from their tens of seconds.
CREATE TEMPORARY VIEW minutes AS
SELECT
  venue, symbol,
  MIN(window_start_ms) - MOD(MIN(window_start_ms), 60000) AS window_start_ms,
  $rolled_up_columns,
  window_time AS closed_at
FROM TABLE(TUMBLE(TABLE ten_seconds, DESCRIPTOR(closed_at), INTERVAL '1' MINUTE))
GROUP BY venue, symbol, window_start, window_end, window_time
