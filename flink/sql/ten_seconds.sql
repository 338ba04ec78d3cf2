-- Windows of ten seconds, from their seconds.
CREATE TEMPORARY VIEW ten_seconds AS
SELECT
  venue, symbol,
  MIN(window_start_ms) - MOD(MIN(window_start_ms), 10000) AS window_start_ms,
  $rolled_up_columns,
  window_time AS closed_at
FROM TABLE(TUMBLE(TABLE seconds, DESCRIPTOR(closed_at), INTERVAL '10' SECOND))
GROUP BY venue, symbol, window_start, window_end, window_time
