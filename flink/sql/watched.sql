-- What the alerts read of every record: the values that the rules in force need (orderbook.alerts.AlertRules.values), as
-- the text of an orderbook.alerts.AlertRecord, and the key that they are partitioned by: the symbol's shard, one of
-- $alert_shards. A text is one thing to hand to Python, where a row is as many as it has columns.
CREATE TEMPORARY VIEW watched AS
SELECT
  CAST(MOD(ABS(HASH_CODE(symbol)), $alert_shards) AS STRING) AS shard,
  CASE record_type
    WHEN 'heartbeat' THEN JSON_ARRAY(venue, symbol, event_time_ms, JSON_ARRAY(), untrusted, cause_of_it NULL ON NULL)
    ELSE JSON_ARRAY(
      venue, symbol, event_time_ms,
      JSON_ARRAY($alert_values NULL ON NULL),
      untrusted, cause_of_it NULL ON NULL
    )
  END AS alert_record,
  PROCTIME() AS arrival
FROM (
  SELECT *,
    CASE WHEN book_state = 'live' THEN CAST(NULL AS STRING) ELSE COALESCE(reason, cause, book_state) END AS untrusted,
    CASE WHEN book_state = 'live' THEN CAST(NULL AS STRING) ELSE cause END AS cause_of_it
  FROM measured
  WHERE record_type <> 'feed_gap'
)
