-- Closed event-time windows of one second: one row for each symbol, window and venue.
--
-- The statistics are those of orderbook/metrics.py (WINDOW_COLUMNS); a test holds the two together. NULL is undefined.

CREATE TABLE orderbook_metrics (
    venue                     text        NOT NULL,
    symbol                    text        NOT NULL,
    window_start              timestamptz NOT NULL,
    window_end                timestamptz NOT NULL,
    updates                   bigint      NOT NULL,
    first_update_id           bigint      NOT NULL,
    last_update_id            bigint      NOT NULL,
    imbalance_ratio_first     double precision,
    imbalance_ratio_last      double precision,
    imbalance_ratio_min       double precision,
    imbalance_ratio_max       double precision,
    imbalance_ratio_mean      double precision,
    weighted_imbalance_first  double precision,
    weighted_imbalance_last   double precision,
    weighted_imbalance_min    double precision,
    weighted_imbalance_max    double precision,
    weighted_imbalance_mean   double precision,
    vtob_ratio_first          double precision,
    vtob_ratio_last           double precision,
    vtob_ratio_min            double precision,
    vtob_ratio_max            double precision,
    vtob_ratio_mean           double precision,
    spread_first              double precision,
    spread_last               double precision,
    spread_min                double precision,
    spread_max                double precision,
    spread_mean               double precision,
    spread_bps_first          double precision,
    spread_bps_last           double precision,
    spread_bps_min            double precision,
    spread_bps_max            double precision,
    spread_bps_mean           double precision,
    mid_first                 double precision,
    mid_last                  double precision,
    mid_min                   double precision,
    mid_max                   double precision,
    mid_mean                  double precision,
    PRIMARY KEY (symbol, window_start, venue)
);

COMMENT ON TABLE orderbook_metrics IS 'Order book metrics over closed one-second event-time windows [start, end)';
COMMENT ON COLUMN orderbook_metrics.venue IS 'Where the books come from: binance, binance_us, simulator, recording';
COMMENT ON COLUMN orderbook_metrics.symbol IS 'Market, for example BTCUSDT';
COMMENT ON COLUMN orderbook_metrics.window_start IS 'Event time at which the window begins, inclusive';
COMMENT ON COLUMN orderbook_metrics.window_end IS 'Event time at which the window ends, exclusive';
COMMENT ON COLUMN orderbook_metrics.updates IS 'Books in the window';
COMMENT ON COLUMN orderbook_metrics.first_update_id IS 'Update id of the first book in the window';
COMMENT ON COLUMN orderbook_metrics.last_update_id IS 'Update id of the last book in the window';
COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_first IS 'First imbalance_ratio in the window: (Qb - Qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_last IS 'Last imbalance_ratio in the window: (Qb - Qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_min IS 'Least imbalance_ratio in the window: (Qb - Qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_max IS 'Largest imbalance_ratio in the window: (Qb - Qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.imbalance_ratio_mean IS 'Mean imbalance_ratio in the window: (Qb - Qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_first IS 'First weighted_imbalance in the window: (Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i) [ratio]';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_last IS 'Last weighted_imbalance in the window: (Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i) [ratio]';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_min IS 'Least weighted_imbalance in the window: (Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i) [ratio]';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_max IS 'Largest weighted_imbalance in the window: (Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i) [ratio]';
COMMENT ON COLUMN orderbook_metrics.weighted_imbalance_mean IS 'Mean weighted_imbalance in the window: (Σ qb_i/i - Σ qa_i/i) / (Σ qb_i/i + Σ qa_i/i) [ratio]';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_first IS 'First vtob_ratio in the window: (qb + qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_last IS 'Last vtob_ratio in the window: (qb + qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_min IS 'Least vtob_ratio in the window: (qb + qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_max IS 'Largest vtob_ratio in the window: (qb + qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.vtob_ratio_mean IS 'Mean vtob_ratio in the window: (qb + qa) / (Qb + Qa) [ratio]';
COMMENT ON COLUMN orderbook_metrics.spread_first IS 'First spread in the window: Pa - Pb [quote currency]';
COMMENT ON COLUMN orderbook_metrics.spread_last IS 'Last spread in the window: Pa - Pb [quote currency]';
COMMENT ON COLUMN orderbook_metrics.spread_min IS 'Least spread in the window: Pa - Pb [quote currency]';
COMMENT ON COLUMN orderbook_metrics.spread_max IS 'Largest spread in the window: Pa - Pb [quote currency]';
COMMENT ON COLUMN orderbook_metrics.spread_mean IS 'Mean spread in the window: Pa - Pb [quote currency]';
COMMENT ON COLUMN orderbook_metrics.spread_bps_first IS 'First spread_bps in the window: 10^4 (Pa - Pb) / M [bps]';
COMMENT ON COLUMN orderbook_metrics.spread_bps_last IS 'Last spread_bps in the window: 10^4 (Pa - Pb) / M [bps]';
COMMENT ON COLUMN orderbook_metrics.spread_bps_min IS 'Least spread_bps in the window: 10^4 (Pa - Pb) / M [bps]';
COMMENT ON COLUMN orderbook_metrics.spread_bps_max IS 'Largest spread_bps in the window: 10^4 (Pa - Pb) / M [bps]';
COMMENT ON COLUMN orderbook_metrics.spread_bps_mean IS 'Mean spread_bps in the window: 10^4 (Pa - Pb) / M [bps]';
COMMENT ON COLUMN orderbook_metrics.mid_first IS 'First mid in the window: (Pb + Pa) / 2 [quote currency]';
COMMENT ON COLUMN orderbook_metrics.mid_last IS 'Last mid in the window: (Pb + Pa) / 2 [quote currency]';
COMMENT ON COLUMN orderbook_metrics.mid_min IS 'Least mid in the window: (Pb + Pa) / 2 [quote currency]';
COMMENT ON COLUMN orderbook_metrics.mid_max IS 'Largest mid in the window: (Pb + Pa) / 2 [quote currency]';
COMMENT ON COLUMN orderbook_metrics.mid_mean IS 'Mean mid in the window: (Pb + Pa) / 2 [quote currency]';
