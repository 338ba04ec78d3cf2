-- The microprice and the integrated order flow imbalance of the books, VPIN, and the spread against what was usual.
--
-- Rows from before have none.

DROP VIEW dashboard_summary;

ALTER TABLE orderbook_metrics
    ADD COLUMN microprice_open double precision,
    ADD COLUMN microprice_high double precision,
    ADD COLUMN microprice_low double precision,
    ADD COLUMN microprice_close double precision,
    ADD COLUMN integrated_ofi_sum double precision,
    ADD COLUMN integrated_ofi_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN vpin double precision,
    ADD COLUMN spread_zscore double precision;

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
COMMENT ON COLUMN orderbook_metrics.microprice_open IS 'First microprice in the window: M + g, g by the spread in ticks (1 to 2, and 3 or more) and by the part of qb / (qb + qa) in 10, from a table fitted on the symbol''s past [quote currency]';
COMMENT ON COLUMN orderbook_metrics.microprice_high IS 'Largest microprice in the window: M + g, g by the spread in ticks (1 to 2, and 3 or more) and by the part of qb / (qb + qa) in 10, from a table fitted on the symbol''s past [quote currency]';
COMMENT ON COLUMN orderbook_metrics.microprice_low IS 'Least microprice in the window: M + g, g by the spread in ticks (1 to 2, and 3 or more) and by the part of qb / (qb + qa) in 10, from a table fitted on the symbol''s past [quote currency]';
COMMENT ON COLUMN orderbook_metrics.microprice_close IS 'Last microprice in the window: M + g, g by the spread in ticks (1 to 2, and 3 or more) and by the part of qb / (qb + qa) in 10, from a table fitted on the symbol''s past [quote currency]';
COMMENT ON COLUMN orderbook_metrics.integrated_ofi_sum IS 'Sum of integrated_ofi over the window: Σ w_k e_k over the top CALCULATE_DEPTH levels; w is the first principal component of the levels'' flows over 10 s, each divided by the mean depth of a level, fitted on the symbol''s past, with Σ |w_k| = 1 [base currency]';
COMMENT ON COLUMN orderbook_metrics.integrated_ofi_count IS 'Books in the window that have integrated_ofi';
COMMENT ON COLUMN orderbook_metrics.vpin IS 'VPIN: Σ |Vb - Vs| / Σ (Vb + Vs) over the last 50 full buckets of equal volume; a trade is cut at a bucket''s edge. A bucket is 1/VPIN_BUCKETS_A_DAY of a day''s volume by the pace of the UTC day before, or what VPIN_BUCKET_SIZES says [ratio]';
COMMENT ON COLUMN orderbook_metrics.spread_zscore IS 'Spread, robust z-score: (s - median) / (IQR / 1.349), s the mean spread of a second''s books, median and distance of the quartiles over those of the last 60 seconds that have books, this one included; of a longer window the largest [standard deviations]';
