INSERT INTO alerts
SELECT * FROM alert_steps
UNION ALL
SELECT * FROM pattern_steps
