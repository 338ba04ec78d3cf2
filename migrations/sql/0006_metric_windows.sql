-- Windows of 1, 10 and 60 seconds, how long each was trusted; open, high, low and close of levels, sum and count of what
-- adds up, and flows from book to book.
--
-- A mean over books could not be rolled up and goes; sum over count is the same mean. The statistics are those of
-- orderbook/metrics.py (WINDOW_COLUMNS); a test holds the two together. Rows from before have no trusted time and count
-- 0: not known.

DROP VIEW dashboard_summary;

ALTER TABLE orderbook_metrics
    ADD COLUMN window_ms  bigint NOT NULL DEFAULT 1000,
    ADD COLUMN trusted_ms bigint,
    DROP CONSTRAINT orderbook_metrics_pkey;

ALTER TABLE orderbook_metrics ADD PRIMARY KEY (symbol, window_ms, window_start, venue);

COMMENT ON TABLE orderbook_metrics IS 'Order book metrics over closed event-time windows [start, end)';
COMMENT ON COLUMN orderbook_metrics.window_ms IS 'Length of the window: 1000, 10000 or 60000 ms';
COMMENT ON COLUMN orderbook_metrics.trusted_ms IS 'How much of the window its book was live, ms; NULL where it is not known';
COMMENT ON COLUMN orderbook_metrics.updates IS 'Live books in the window';
COMMENT ON COLUMN orderbook_metrics.first_update_id IS 'Update id of the first live book in the window';
COMMENT ON COLUMN orderbook_metrics.last_update_id IS 'Update id of the last live book in the window';

ALTER TABLE orderbook_metrics RENAME COLUMN imbalance_ratio_first TO imbalance_ratio_open;
ALTER TABLE orderbook_metrics RENAME COLUMN imbalance_ratio_last TO imbalance_ratio_close;
ALTER TABLE orderbook_metrics RENAME COLUMN imbalance_ratio_min TO imbalance_ratio_low;
ALTER TABLE orderbook_metrics RENAME COLUMN imbalance_ratio_max TO imbalance_ratio_high;
ALTER TABLE orderbook_metrics RENAME COLUMN weighted_imbalance_first TO weighted_imbalance_open;
ALTER TABLE orderbook_metrics RENAME COLUMN weighted_imbalance_last TO weighted_imbalance_close;
ALTER TABLE orderbook_metrics RENAME COLUMN weighted_imbalance_min TO weighted_imbalance_low;
ALTER TABLE orderbook_metrics RENAME COLUMN weighted_imbalance_max TO weighted_imbalance_high;
ALTER TABLE orderbook_metrics RENAME COLUMN vtob_ratio_first TO vtob_ratio_open;
ALTER TABLE orderbook_metrics RENAME COLUMN vtob_ratio_last TO vtob_ratio_close;
ALTER TABLE orderbook_metrics RENAME COLUMN vtob_ratio_min TO vtob_ratio_low;
ALTER TABLE orderbook_metrics RENAME COLUMN vtob_ratio_max TO vtob_ratio_high;
ALTER TABLE orderbook_metrics RENAME COLUMN spread_first TO spread_open;
ALTER TABLE orderbook_metrics RENAME COLUMN spread_last TO spread_close;
ALTER TABLE orderbook_metrics RENAME COLUMN spread_min TO spread_low;
ALTER TABLE orderbook_metrics RENAME COLUMN spread_max TO spread_high;
ALTER TABLE orderbook_metrics RENAME COLUMN spread_bps_first TO spread_bps_open;
ALTER TABLE orderbook_metrics RENAME COLUMN spread_bps_last TO spread_bps_close;
ALTER TABLE orderbook_metrics RENAME COLUMN spread_bps_min TO spread_bps_low;
ALTER TABLE orderbook_metrics RENAME COLUMN spread_bps_max TO spread_bps_high;
ALTER TABLE orderbook_metrics RENAME COLUMN mid_first TO mid_open;
ALTER TABLE orderbook_metrics RENAME COLUMN mid_last TO mid_close;
ALTER TABLE orderbook_metrics RENAME COLUMN mid_min TO mid_low;
ALTER TABLE orderbook_metrics RENAME COLUMN mid_max TO mid_high;

ALTER TABLE orderbook_metrics
    DROP COLUMN imbalance_ratio_mean,
    DROP COLUMN weighted_imbalance_mean,
    DROP COLUMN vtob_ratio_mean,
    DROP COLUMN spread_mean,
    DROP COLUMN spread_bps_mean,
    DROP COLUMN mid_mean;

ALTER TABLE orderbook_metrics
    ADD COLUMN imbalance_ratio_sum double precision,
    ADD COLUMN imbalance_ratio_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN weighted_imbalance_sum double precision,
    ADD COLUMN weighted_imbalance_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN queue_imbalance_open double precision,
    ADD COLUMN queue_imbalance_high double precision,
    ADD COLUMN queue_imbalance_low double precision,
    ADD COLUMN queue_imbalance_close double precision,
    ADD COLUMN queue_imbalance_sum double precision,
    ADD COLUMN queue_imbalance_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN vtob_ratio_sum double precision,
    ADD COLUMN vtob_ratio_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN spread_sum double precision,
    ADD COLUMN spread_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN spread_bps_sum double precision,
    ADD COLUMN spread_bps_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN weighted_mid_open double precision,
    ADD COLUMN weighted_mid_high double precision,
    ADD COLUMN weighted_mid_low double precision,
    ADD COLUMN weighted_mid_close double precision,
    ADD COLUMN ofi_sum double precision,
    ADD COLUMN ofi_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN multi_level_ofi_sum double precision,
    ADD COLUMN multi_level_ofi_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN buy_volume double precision,
    ADD COLUMN sell_volume double precision,
    ADD COLUMN buy_trades bigint NOT NULL DEFAULT 0,
    ADD COLUMN sell_trades bigint NOT NULL DEFAULT 0,
    ADD COLUMN cvd double precision,
    ADD COLUMN moves bigint NOT NULL DEFAULT 0,
    ADD COLUMN return_square_sum double precision,
    ADD COLUMN move_sum double precision,
    ADD COLUMN delta_sum double precision,
    ADD COLUMN delta_square_sum double precision,
    ADD COLUMN move_delta_sum double precision,
    ADD COLUMN trade_imbalance double precision,
    ADD COLUMN signed_volume double precision,
    ADD COLUMN update_rate double precision,
    ADD COLUMN trade_rate double precision,
    ADD COLUMN realised_volatility_bps double precision,
    ADD COLUMN kyle_lambda double precision;

COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_open IS 'First imbalance_ratio in the window: (Qb - Qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_high IS 'Largest imbalance_ratio in the window: (Qb - Qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_low IS 'Least imbalance_ratio in the window: (Qb - Qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_close IS 'Last imbalance_ratio in the window: (Qb - Qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_sum IS 'Sum of imbalance_ratio over the window: (Qb - Qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_count IS 'Books in the window that have imbalance_ratio';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_open IS 'First weighted_imbalance in the window: (Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i) [ratio]';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_high IS 'Largest weighted_imbalance in the window: (Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i) [ratio]';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_low IS 'Least weighted_imbalance in the window: (Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i) [ratio]';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_close IS 'Last weighted_imbalance in the window: (Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i) [ratio]';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_sum IS 'Sum of weighted_imbalance over the window: (Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i) [ratio]';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_count IS 'Books in the window that have weighted_imbalance';
COMMENT ON COLUMN orderbook_metrics.queue_imbalance_open IS 'First queue_imbalance in the window: (qb - qa) / (qb + qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.queue_imbalance_high IS 'Largest queue_imbalance in the window: (qb - qa) / (qb + qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.queue_imbalance_low IS 'Least queue_imbalance in the window: (qb - qa) / (qb + qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.queue_imbalance_close IS 'Last queue_imbalance in the window: (qb - qa) / (qb + qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.queue_imbalance_sum IS 'Sum of queue_imbalance over the window: (qb - qa) / (qb + qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.queue_imbalance_count IS 'Books in the window that have queue_imbalance';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_open IS 'First vtob_ratio in the window: (qb + qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_high IS 'Largest vtob_ratio in the window: (qb + qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_low IS 'Least vtob_ratio in the window: (qb + qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_close IS 'Last vtob_ratio in the window: (qb + qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_sum IS 'Sum of vtob_ratio over the window: (qb + qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_count IS 'Books in the window that have vtob_ratio';
COMMENT ON COLUMN orderbook_metrics.spread_open IS 'First spread in the window: Pa - Pb [quote currency]';
COMMENT ON COLUMN orderbook_metrics.spread_high IS 'Largest spread in the window: Pa - Pb [quote currency]';
COMMENT ON COLUMN orderbook_metrics.spread_low IS 'Least spread in the window: Pa - Pb [quote currency]';
COMMENT ON COLUMN orderbook_metrics.spread_close IS 'Last spread in the window: Pa - Pb [quote currency]';
COMMENT ON COLUMN orderbook_metrics.spread_sum IS 'Sum of spread over the window: Pa - Pb [quote currency]';
COMMENT ON COLUMN orderbook_metrics.spread_count IS 'Books in the window that have spread';
COMMENT ON COLUMN orderbook_metrics.spread_bps_open IS 'First spread_bps in the window: 10^4 (Pa - Pb) / M [bps]';
COMMENT ON COLUMN orderbook_metrics.spread_bps_high IS 'Largest spread_bps in the window: 10^4 (Pa - Pb) / M [bps]';
COMMENT ON COLUMN orderbook_metrics.spread_bps_low IS 'Least spread_bps in the window: 10^4 (Pa - Pb) / M [bps]';
COMMENT ON COLUMN orderbook_metrics.spread_bps_close IS 'Last spread_bps in the window: 10^4 (Pa - Pb) / M [bps]';
COMMENT ON COLUMN orderbook_metrics.spread_bps_sum IS 'Sum of spread_bps over the window: 10^4 (Pa - Pb) / M [bps]';
COMMENT ON COLUMN orderbook_metrics.spread_bps_count IS 'Books in the window that have spread_bps';
COMMENT ON COLUMN orderbook_metrics.mid_open IS 'First mid in the window: (Pb + Pa) / 2 [quote currency]';
COMMENT ON COLUMN orderbook_metrics.mid_high IS 'Largest mid in the window: (Pb + Pa) / 2 [quote currency]';
COMMENT ON COLUMN orderbook_metrics.mid_low IS 'Least mid in the window: (Pb + Pa) / 2 [quote currency]';
COMMENT ON COLUMN orderbook_metrics.mid_close IS 'Last mid in the window: (Pb + Pa) / 2 [quote currency]';
COMMENT ON COLUMN orderbook_metrics.weighted_mid_open IS 'First weighted_mid in the window: (Pb qa + Pa qb) / (qa + qb) [quote currency]';
COMMENT ON COLUMN orderbook_metrics.weighted_mid_high IS 'Largest weighted_mid in the window: (Pb qa + Pa qb) / (qa + qb) [quote currency]';
COMMENT ON COLUMN orderbook_metrics.weighted_mid_low IS 'Least weighted_mid in the window: (Pb qa + Pa qb) / (qa + qb) [quote currency]';
COMMENT ON COLUMN orderbook_metrics.weighted_mid_close IS 'Last weighted_mid in the window: (Pb qa + Pa qb) / (qa + qb) [quote currency]';
COMMENT ON COLUMN orderbook_metrics.ofi_sum IS 'Sum of ofi over the window: e_1, where e_k = qb_k [pb_k ≥ pb_k''] - qb_k'' [pb_k ≤ pb_k''] - qa_k [pa_k ≤ pa_k''] + qa_k'' [pa_k ≥ pa_k''] [base currency]';
COMMENT ON COLUMN orderbook_metrics.ofi_count IS 'Books in the window that have ofi';
COMMENT ON COLUMN orderbook_metrics.multi_level_ofi_sum IS 'Sum of multi_level_ofi over the window: Σ e_k over the top CALCULATE_DEPTH levels; a level that a book does not have is empty [base currency]';
COMMENT ON COLUMN orderbook_metrics.multi_level_ofi_count IS 'Books in the window that have multi_level_ofi';
COMMENT ON COLUMN orderbook_metrics.buy_volume IS 'Bought: Vb [base currency]';
COMMENT ON COLUMN orderbook_metrics.sell_volume IS 'Sold: Vs [base currency]';
COMMENT ON COLUMN orderbook_metrics.buy_trades IS 'Buys: Nb [trades]';
COMMENT ON COLUMN orderbook_metrics.sell_trades IS 'Sells: Ns [trades]';
COMMENT ON COLUMN orderbook_metrics.cvd IS 'Cumulative volume delta: Σ (Vb - Vs) from the job''s first record to the end of the window [base currency]';
COMMENT ON COLUMN orderbook_metrics.moves IS 'Seconds with a return: number of seconds with a live book and a mid before them [seconds]';
COMMENT ON COLUMN orderbook_metrics.return_square_sum IS 'Realised variance: Σ r² [1]';
COMMENT ON COLUMN orderbook_metrics.move_sum IS 'Price change: Σ y [quote currency]';
COMMENT ON COLUMN orderbook_metrics.delta_sum IS 'Signed volume: Σ x over the seconds that have a y [base currency]';
COMMENT ON COLUMN orderbook_metrics.delta_square_sum IS 'Signed volume, squared: Σ x² [base currency²]';
COMMENT ON COLUMN orderbook_metrics.move_delta_sum IS 'Price change by signed volume: Σ x y [product]';
COMMENT ON COLUMN orderbook_metrics.trade_imbalance IS 'Trade imbalance: (Vb - Vs) / (Vb + Vs) [ratio]';
COMMENT ON COLUMN orderbook_metrics.signed_volume IS 'Volume delta: Vb - Vs [base currency]';
COMMENT ON COLUMN orderbook_metrics.update_rate IS 'Updates a second: live books over the window''s length [1/s]';
COMMENT ON COLUMN orderbook_metrics.trade_rate IS 'Trades a second: Nb + Ns over the window''s length [1/s]';
COMMENT ON COLUMN orderbook_metrics.realised_volatility_bps IS 'Realised volatility: 10^4 sqrt(Σ r²), over the window and not scaled to a year [bps]';
COMMENT ON COLUMN orderbook_metrics.kyle_lambda IS 'Price impact of signed volume: (n Σ x y - Σ x Σ y) / (n Σ x² - (Σ x)²), the slope of y on x over the window''s n seconds [quote currency / base currency]';

-- As in 0004, which took the columns of that time; of the windows of a second.
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
