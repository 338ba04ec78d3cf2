-- Topic metrics: one row a book. Keyed by symbol, so Kafka's own partitioner keeps a symbol in one partition.
CREATE TEMPORARY TABLE metrics (
  $metrics_columns
) WITH (
  $sink_options,
  'topic' = '$topic_metrics'
)
