-- Books in which a large quantity was added to one level behind the touch, or taken off one, once for each side: few rows.
-- `large_price` is the level of a large add, `gone_price` that of a cut large enough to be that of a large add.
-- Each carries all columns of the compared books, though few are used, so that the plan has these once for all patterns.
CREATE TEMPORARY VIEW pattern_large_changes AS
SELECT *,
  CASE WHEN added >= large_from THEN add_price END AS large_price,
  CASE WHEN taken_off >= $spoof_cut_share * large_from THEN cut_price END AS gone_price
FROM (
  SELECT *,
    'bid' AS side, bid_add_price AS add_price, bid_added AS added, bid_cut_price AS cut_price, bid_taken_off AS taken_off
  FROM pattern_compared_books
  UNION ALL
  SELECT *,
    'ask' AS side, ask_add_price AS add_price, ask_added AS added, ask_cut_price AS cut_price, ask_taken_off AS taken_off
  FROM pattern_compared_books
)
WHERE added >= large_from OR taken_off >= $spoof_cut_share * large_from
