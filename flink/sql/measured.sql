-- The records with their metrics. They are computed after `records` became a stream: before, the planner would write
-- each sum over the levels out again in every metric that reads it.
CREATE TEMPORARY VIEW measured AS
SELECT *,
  $metric_expressions
FROM records
