-- What the alerts read of every record: a handful of numbers, behind the key they are partitioned by.
SELECT
  symbol,
  ROW(
    symbol, venue, record_type, kafka_offset, heartbeat_before, event_time_ms,
    CASE WHEN book_state = 'live' THEN CAST(NULL AS STRING) ELSE COALESCE(reason, book_state) END,
    imbalance_ratio,
    CASE WHEN spread_baseline_books >= $warm_up_books THEN spread / NULLIF(spread_baseline, 0) END
  ) AS alert_record
FROM measured
WHERE record_type <> 'feed_gap'
