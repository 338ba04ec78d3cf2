INSERT INTO alerts
SELECT * FROM alert_steps
$pattern_matches
