-- Topic trades as it arrives. Heartbeats are on this topic too, so that event time moves where nothing is traded: without
-- them a partition without trades would hold back every window. They go no further than the watermark. A time that
-- cannot be is none here: one far ahead would make all that follows late, and one beyond the calendar would end the job.
CREATE TEMPORARY TABLE trade_records (
  `type` STRING,
  venue STRING,
  symbol STRING,
  event_time_ms BIGINT,
  receive_time_ms BIGINT,
  quantity DOUBLE,
  aggressor STRING,
  event_time AS TO_TIMESTAMP_LTZ(CASE WHEN $plausible_time THEN event_time_ms ELSE 0 END, 3),
  WATERMARK FOR event_time AS event_time - INTERVAL '$watermark_delay_s' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '$topic_trades',
  'properties.bootstrap.servers' = '$bootstrap_servers',
  'properties.group.id' = '$group_id',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
)
