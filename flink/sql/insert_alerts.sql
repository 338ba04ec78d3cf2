INSERT INTO alerts SELECT * FROM alert_steps
