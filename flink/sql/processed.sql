-- Topic processed: one row a symbol and second that saw at least one book.
CREATE TEMPORARY TABLE processed (
  $processed_columns
) WITH (
  $sink_options,
  'topic' = '$topic_processed'
)
