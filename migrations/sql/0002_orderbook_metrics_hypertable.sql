-- requires: timescaledb
-- One chunk a day. Rows that are already there move into chunks, so the extension may come later than the table.

SELECT create_hypertable('orderbook_metrics', by_range('window_start', INTERVAL '1 day'), migrate_data => TRUE);
