-- The norms as versions, so that a book can ask for the one of its own time.
CREATE TEMPORARY VIEW pattern_newest_norms AS
SELECT symbol, normal_depth, normal_spread, usual_add, second_time
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY symbol ORDER BY second_time DESC) AS age
  FROM pattern_norms
)
WHERE age = 1
