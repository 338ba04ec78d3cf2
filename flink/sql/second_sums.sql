-- Each symbol's seconds that saw a record, also those without a live book: longer windows need their trusted time.
CREATE TEMPORARY VIEW second_sums AS
SELECT
  venue, symbol,
  $second_aggregates,
  LAST_VALUE(vpin) AS newest_vpin,
  window_time AS closed_at
FROM TABLE(TUMBLE(TABLE window_records, DESCRIPTOR(record_time), INTERVAL '1' SECOND))
GROUP BY venue, symbol, window_start, window_end, window_time
