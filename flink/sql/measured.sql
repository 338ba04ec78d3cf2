-- The records with their metrics: what every output of the job reads, and the plan computes once.
CREATE TEMPORARY VIEW measured AS
SELECT *,
  $metric_expressions
FROM records
