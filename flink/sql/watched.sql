-- What the alerts read of every record: the values that the rules in force need (orderbook.alerts.AlertRules.values), as
-- one flat row of numbers, and the key that they are partitioned by: the symbol's shard, one of $alert_shards.
CREATE TEMPORARY VIEW watched AS
SELECT
  CAST(MOD(ABS(HASH_CODE(symbol)), $alert_shards) AS STRING) AS shard,
  ROW(
    symbol, venue, record_type, event_time_ms,
    CASE WHEN book_state = 'live' THEN CAST(NULL AS STRING) ELSE COALESCE(reason, cause, book_state) END,
    CASE WHEN book_state = 'live' THEN CAST(NULL AS STRING) ELSE cause END,
    $alert_values
  ) AS alert_record,
  PROCTIME() AS arrival
FROM measured
WHERE record_type <> 'feed_gap'
