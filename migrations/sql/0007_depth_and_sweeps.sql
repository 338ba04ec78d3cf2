-- Depth within bands of the mid and what a sweep costs, over all levels of the book, in each window.
--
-- Rows from before have none.

DROP VIEW dashboard_summary;

ALTER TABLE orderbook_metrics
    ADD COLUMN bid_depth_5bps_low double precision,
    ADD COLUMN bid_depth_5bps_sum double precision,
    ADD COLUMN bid_depth_5bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN bid_depth_10bps_low double precision,
    ADD COLUMN bid_depth_10bps_sum double precision,
    ADD COLUMN bid_depth_10bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN bid_depth_25bps_low double precision,
    ADD COLUMN bid_depth_25bps_sum double precision,
    ADD COLUMN bid_depth_25bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN bid_depth_50bps_low double precision,
    ADD COLUMN bid_depth_50bps_sum double precision,
    ADD COLUMN bid_depth_50bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN ask_depth_5bps_low double precision,
    ADD COLUMN ask_depth_5bps_sum double precision,
    ADD COLUMN ask_depth_5bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN ask_depth_10bps_low double precision,
    ADD COLUMN ask_depth_10bps_sum double precision,
    ADD COLUMN ask_depth_10bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN ask_depth_25bps_low double precision,
    ADD COLUMN ask_depth_25bps_sum double precision,
    ADD COLUMN ask_depth_25bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN ask_depth_50bps_low double precision,
    ADD COLUMN ask_depth_50bps_sum double precision,
    ADD COLUMN ask_depth_50bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN buy_cost_10k_bps_high double precision,
    ADD COLUMN buy_cost_10k_bps_sum double precision,
    ADD COLUMN buy_cost_10k_bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN buy_cost_100k_bps_high double precision,
    ADD COLUMN buy_cost_100k_bps_sum double precision,
    ADD COLUMN buy_cost_100k_bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN sell_cost_10k_bps_high double precision,
    ADD COLUMN sell_cost_10k_bps_sum double precision,
    ADD COLUMN sell_cost_10k_bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN sell_cost_100k_bps_high double precision,
    ADD COLUMN sell_cost_100k_bps_sum double precision,
    ADD COLUMN sell_cost_100k_bps_count bigint NOT NULL DEFAULT 0;

COMMENT ON COLUMN orderbook_metrics.bid_depth_5bps_low IS 'Least bid_depth_5bps in the window: the quantity of all bids with price ≥ M (1 - 5/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.bid_depth_5bps_sum IS 'Sum of bid_depth_5bps over the window: the quantity of all bids with price ≥ M (1 - 5/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.bid_depth_5bps_count IS 'Books in the window that have bid_depth_5bps';
COMMENT ON COLUMN orderbook_metrics.bid_depth_10bps_low IS 'Least bid_depth_10bps in the window: the quantity of all bids with price ≥ M (1 - 10/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.bid_depth_10bps_sum IS 'Sum of bid_depth_10bps over the window: the quantity of all bids with price ≥ M (1 - 10/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.bid_depth_10bps_count IS 'Books in the window that have bid_depth_10bps';
COMMENT ON COLUMN orderbook_metrics.bid_depth_25bps_low IS 'Least bid_depth_25bps in the window: the quantity of all bids with price ≥ M (1 - 25/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.bid_depth_25bps_sum IS 'Sum of bid_depth_25bps over the window: the quantity of all bids with price ≥ M (1 - 25/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.bid_depth_25bps_count IS 'Books in the window that have bid_depth_25bps';
COMMENT ON COLUMN orderbook_metrics.bid_depth_50bps_low IS 'Least bid_depth_50bps in the window: the quantity of all bids with price ≥ M (1 - 50/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.bid_depth_50bps_sum IS 'Sum of bid_depth_50bps over the window: the quantity of all bids with price ≥ M (1 - 50/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.bid_depth_50bps_count IS 'Books in the window that have bid_depth_50bps';
COMMENT ON COLUMN orderbook_metrics.ask_depth_5bps_low IS 'Least ask_depth_5bps in the window: the quantity of all asks with price ≤ M (1 + 5/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.ask_depth_5bps_sum IS 'Sum of ask_depth_5bps over the window: the quantity of all asks with price ≤ M (1 + 5/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.ask_depth_5bps_count IS 'Books in the window that have ask_depth_5bps';
COMMENT ON COLUMN orderbook_metrics.ask_depth_10bps_low IS 'Least ask_depth_10bps in the window: the quantity of all asks with price ≤ M (1 + 10/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.ask_depth_10bps_sum IS 'Sum of ask_depth_10bps over the window: the quantity of all asks with price ≤ M (1 + 10/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.ask_depth_10bps_count IS 'Books in the window that have ask_depth_10bps';
COMMENT ON COLUMN orderbook_metrics.ask_depth_25bps_low IS 'Least ask_depth_25bps in the window: the quantity of all asks with price ≤ M (1 + 25/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.ask_depth_25bps_sum IS 'Sum of ask_depth_25bps over the window: the quantity of all asks with price ≤ M (1 + 25/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.ask_depth_25bps_count IS 'Books in the window that have ask_depth_25bps';
COMMENT ON COLUMN orderbook_metrics.ask_depth_50bps_low IS 'Least ask_depth_50bps in the window: the quantity of all asks with price ≤ M (1 + 50/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.ask_depth_50bps_sum IS 'Sum of ask_depth_50bps over the window: the quantity of all asks with price ≤ M (1 + 50/10^4) [base currency]';
COMMENT ON COLUMN orderbook_metrics.ask_depth_50bps_count IS 'Books in the window that have ask_depth_50bps';
COMMENT ON COLUMN orderbook_metrics.buy_cost_10k_bps_high IS 'Largest buy_cost_10k_bps in the window: 10^4 (P - M) / M, P the average price of 10,000 from the asks [bps]';
COMMENT ON COLUMN orderbook_metrics.buy_cost_10k_bps_sum IS 'Sum of buy_cost_10k_bps over the window: 10^4 (P - M) / M, P the average price of 10,000 from the asks [bps]';
COMMENT ON COLUMN orderbook_metrics.buy_cost_10k_bps_count IS 'Books in the window that have buy_cost_10k_bps';
COMMENT ON COLUMN orderbook_metrics.buy_cost_100k_bps_high IS 'Largest buy_cost_100k_bps in the window: 10^4 (P - M) / M, P the average price of 100,000 from the asks [bps]';
COMMENT ON COLUMN orderbook_metrics.buy_cost_100k_bps_sum IS 'Sum of buy_cost_100k_bps over the window: 10^4 (P - M) / M, P the average price of 100,000 from the asks [bps]';
COMMENT ON COLUMN orderbook_metrics.buy_cost_100k_bps_count IS 'Books in the window that have buy_cost_100k_bps';
COMMENT ON COLUMN orderbook_metrics.sell_cost_10k_bps_high IS 'Largest sell_cost_10k_bps in the window: 10^4 (M - P) / M, P the average price of 10,000 from the bids [bps]';
COMMENT ON COLUMN orderbook_metrics.sell_cost_10k_bps_sum IS 'Sum of sell_cost_10k_bps over the window: 10^4 (M - P) / M, P the average price of 10,000 from the bids [bps]';
COMMENT ON COLUMN orderbook_metrics.sell_cost_10k_bps_count IS 'Books in the window that have sell_cost_10k_bps';
COMMENT ON COLUMN orderbook_metrics.sell_cost_100k_bps_high IS 'Largest sell_cost_100k_bps in the window: 10^4 (M - P) / M, P the average price of 100,000 from the bids [bps]';
COMMENT ON COLUMN orderbook_metrics.sell_cost_100k_bps_sum IS 'Sum of sell_cost_100k_bps over the window: 10^4 (M - P) / M, P the average price of 100,000 from the bids [bps]';
COMMENT ON COLUMN orderbook_metrics.sell_cost_100k_bps_count IS 'Books in the window that have sell_cost_100k_bps';

-- As in 0006, which took the columns of that time.
CREATE VIEW dashboard_summary AS
WITH RECURSIVE symbols (symbol) AS (
    (SELECT symbol FROM orderbook_metrics ORDER BY symbol LIMIT 1)
    UNION ALL
    SELECT (SELECT later.symbol
            FROM orderbook_metrics AS later
            WHERE later.symbol > symbols.symbol
            ORDER BY later.symbol
            LIMIT 1)
    FROM symbols
    WHERE symbols.symbol IS NOT NULL
)
SELECT newest.*, now() - newest.window_end AS age
FROM symbols
CROSS JOIN LATERAL (
    SELECT *
    FROM orderbook_metrics
    WHERE orderbook_metrics.symbol = symbols.symbol AND orderbook_metrics.window_ms = 1000
    ORDER BY orderbook_metrics.window_start DESC
    LIMIT 1
) AS newest;

COMMENT ON VIEW dashboard_summary IS 'The newest window of a second of each symbol; age is the time since its end';
