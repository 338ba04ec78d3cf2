INSERT INTO processed
SELECT
  $window_head,
  $statistics
FROM TABLE(TUMBLE(TABLE live_books, DESCRIPTOR(record_time), INTERVAL '1' SECOND))
GROUP BY venue, symbol, window_start, window_end
