from __future__ import annotations

from orderbook.metrics import DEPTH_METRICS, INGESTED


def test_each_depth_and_cost_reads_its_own_place_of_its_own_array() -> None:
    assert {metric.name: INGESTED[metric.sql] for metric in DEPTH_METRICS} == {
        "bid_depth_5bps": "bid_depth_within[1]",
        "bid_depth_10bps": "bid_depth_within[2]",
        "bid_depth_25bps": "bid_depth_within[3]",
        "bid_depth_50bps": "bid_depth_within[4]",
        "ask_depth_5bps": "ask_depth_within[1]",
        "ask_depth_10bps": "ask_depth_within[2]",
        "ask_depth_25bps": "ask_depth_within[3]",
        "ask_depth_50bps": "ask_depth_within[4]",
        "buy_cost_10k_bps": "buy_sweep_bps[1]",
        "buy_cost_100k_bps": "buy_sweep_bps[2]",
        "sell_cost_10k_bps": "sell_sweep_bps[1]",
        "sell_cost_100k_bps": "sell_sweep_bps[2]",
    }
    assert set(INGESTED) == {metric.sql for metric in DEPTH_METRICS}
