"""A short digest of the top of a book, the same from the exchange's book and from a published one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

DIGEST_LEVELS: Final = 20
"""Levels a side that a digest covers."""


def level_text(price: float, quantity: float) -> str:
    """One level in the canonical text: both floats by `repr`."""
    return f"{price!r}:{quantity!r}"


def text_digest(bids: Iterable[str], asks: Iterable[str]) -> str:
    """The digest of levels in the canonical text, best first: 16 hexadecimal digits (BLAKE2b of 8 bytes)."""
    return blake2b(f"{','.join(bids)}|{','.join(asks)}".encode(), digest_size=8).hexdigest()


def book_digest(
    bid_price: Sequence[float], bid_qty: Sequence[float], ask_price: Sequence[float], ask_qty: Sequence[float]
) -> str:
    """The digest of the best DIGEST_LEVELS of each side; the sequences are those of a published book, best first.

    Raises ValueError where a side has not as many prices as quantities.
    """
    bids = [level_text(*level) for level in zip(bid_price, bid_qty, strict=True)]
    asks = [level_text(*level) for level in zip(ask_price, ask_qty, strict=True)]
    return text_digest(bids[:DIGEST_LEVELS], asks[:DIGEST_LEVELS])
