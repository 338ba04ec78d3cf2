-- Topic alerts: one row a step of an episode.
CREATE TEMPORARY TABLE alerts (
  $alerts_columns
) WITH (
  $sink_options,
  'topic' = '$topic_alerts'
)
