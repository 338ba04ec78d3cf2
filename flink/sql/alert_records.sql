-- The records of a shard that arrived within $alert_batch_ms ms of this machine's time, in their order: one way to Python
-- and back for all of them. Which are together depends on the machine, what is made of them does not.
SELECT shard, ARRAY_AGG(alert_record) AS alert_records
FROM TABLE(TUMBLE(TABLE watched, DESCRIPTOR(arrival), INTERVAL '$alert_batch_s' SECOND))
GROUP BY shard, window_start, window_end
