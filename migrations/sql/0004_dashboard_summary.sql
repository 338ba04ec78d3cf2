-- The newest window of each symbol, and how old it is.
--
-- The recursion steps from one symbol to the next along the primary key and then takes one row of each, so that the
-- cost grows with the number of symbols and not with the number of windows.

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
    WHERE orderbook_metrics.symbol = symbols.symbol
    ORDER BY orderbook_metrics.window_start DESC
    LIMIT 1
) AS newest;

COMMENT ON VIEW dashboard_summary IS 'The newest window of each symbol; age is the time since its end';
