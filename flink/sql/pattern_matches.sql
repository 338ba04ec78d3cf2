-- Every pattern's matches as rows of the alerts table.
$pattern_matches
