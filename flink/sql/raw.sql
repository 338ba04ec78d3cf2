-- Topic raw as it arrives: books, heartbeats and feed gaps in one table. Its watermark is taken here, before any filter,
-- so that every heartbeat moves event time on; there is no idle timeout, which would lose windows in silence. A time that
-- cannot be is none here: one far ahead would make all that follows late, and one beyond the calendar would end the job.
CREATE TEMPORARY TABLE raw_records (
  `type` STRING,
  venue STRING,
  symbol STRING,
  event_time_ms BIGINT,
  receive_time_ms BIGINT,
  update_id BIGINT,
  bid_price ARRAY<DOUBLE>,
  bid_qty ARRAY<DOUBLE>,
  ask_price ARRAY<DOUBLE>,
  ask_qty ARRAY<DOUBLE>,
  bid_depth_within ARRAY<DOUBLE>,
  ask_depth_within ARRAY<DOUBLE>,
  buy_sweep_bps ARRAY<DOUBLE>,
  sell_sweep_bps ARRAY<DOUBLE>,
  level_updates BIGINT,
  trades BIGINT,
  buy_qty DOUBLE,
  sell_qty DOUBLE,
  `state` STRING,
  cause STRING,
  reason STRING,
  end_event_time_ms BIGINT,
  kafka_partition INT METADATA FROM 'partition' VIRTUAL,
  kafka_offset BIGINT METADATA FROM 'offset' VIRTUAL,
  event_time AS TO_TIMESTAMP_LTZ(CASE WHEN $plausible_time THEN event_time_ms ELSE 0 END, 3),
  WATERMARK FOR event_time AS event_time - INTERVAL '$watermark_delay_s' SECOND
) WITH (
  'connector' = 'kafka',
  'topic' = '$topic_raw',
  'properties.bootstrap.servers' = '$bootstrap_servers',
  'properties.group.id' = '$group_id',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json',
  'json.ignore-parse-errors' = 'true'
)
