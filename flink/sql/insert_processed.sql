INSERT INTO processed
SELECT
  $second_fields
FROM seconds
WHERE updates > 0
UNION ALL
SELECT
  $ten_second_fields
FROM ten_seconds
WHERE updates > 0
UNION ALL
SELECT
  $minute_fields
FROM minutes
WHERE updates > 0
