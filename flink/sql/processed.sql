-- Topic processed: one row a symbol and window of 1, 10 and 60 seconds that saw at least one live book.
CREATE TEMPORARY TABLE processed (
  $processed_columns
) WITH (
  $sink_options,
  'topic' = '$topic_processed'
)
