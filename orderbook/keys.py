"""Names of the Redis keys. Every key holds one thing and is written by one command, so a cluster can hold them."""

from __future__ import annotations

from typing import Final

ACTIVE_ALERTS: Final = "orderbook:alerts:active"
"""Hash: alert_id to the JSON of the newest step, while the episode lasts."""

RECENT_ALERTS: Final = "orderbook:alerts:recent"
"""Capped stream: every step of every episode, field `alert` = JSON."""

OFFSETS: Final = "orderbook:bridge:offsets"
"""Hash: `topic/partition` to the offset after the last record that took effect here; written with that record."""


def latest(symbol: str) -> str:
    """String: JSON of the symbol's newest `messages.Metrics`; expires, so an old value never looks fresh."""
    return f"orderbook:{symbol}:latest"


def recent(symbol: str) -> str:
    """Capped stream: the symbol's last metrics rows, field `metrics` = JSON."""
    return f"orderbook:{symbol}:recent"


def book(symbol: str) -> str:
    """String: JSON of the symbol's newest `messages.Book`; expires."""
    return f"orderbook:{symbol}:book"


def heartbeat(symbol: str) -> str:
    """String: JSON of the symbol's newest `messages.Heartbeat`: trust and counters; expires."""
    return f"orderbook:{symbol}:heartbeat"
