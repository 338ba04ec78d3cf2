INSERT INTO metrics
SELECT
  $metrics_fields
FROM books
