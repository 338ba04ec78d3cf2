"""The truth, line by line: the digest of the exchange's own book at the update id of every diff of the 100 ms stream.

A line is `SYMBOL UPDATE_ID DIGEST`. Diffs that a fault keeps from the wire have their line as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from connectors.simulator.digest import DIGEST_LEVELS, level_text, text_digest
from connectors.simulator.instruments import Instrument
from connectors.simulator.market import DepthDiff
from connectors.simulator.matching import Levels, MatchingBook

BUFFER_BYTES: Final = 1 << 20
MOST_TEXTS: Final = 100
"""Levels whose text is kept for each side: most are the same from one diff to the next."""


class Ledger:
    """Writes the ledger to `path`, from its beginning. Lines reach the file at `flush` and `close`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="ascii", buffering=BUFFER_BYTES)

    def page(self, instrument: Instrument) -> Page:
        """The part of the ledger that belongs to one symbol."""
        return Page(self, instrument)

    def write(self, line: str) -> None:
        """Add one line."""
        self._file.write(line)

    def flush(self) -> None:
        """Have every line so far in the file."""
        self._file.flush()

    def close(self) -> None:
        """Flush, and write no more."""
        self._file.close()


class Page:
    """Writes the lines of one symbol."""

    __slots__ = ("_asks", "_bids", "_ledger", "_price_scale", "_quantity_scale", "_symbol")

    def __init__(self, ledger: Ledger, instrument: Instrument) -> None:
        self._ledger = ledger
        self._symbol = instrument.symbol
        self._price_scale: int = 10**instrument.price_decimals
        self._quantity_scale: int = 10**instrument.quantity_decimals
        self._bids: dict[int, str] = {}
        self._asks: dict[int, str] = {}

    def note(self, book: MatchingBook, diff: DepthDiff) -> None:
        """Write the line of the book as `diff` leaves it; call it at each diff, as what it changed is written anew."""
        bids = self._side(book.bids, self._bids, diff.bids)
        asks = self._side(book.asks, self._asks, diff.asks)
        self._ledger.write(f"{self._symbol} {book.update_id} {text_digest(bids, asks)}\n")

    def _side(self, levels: Levels, texts: dict[int, str], changed: Iterable[tuple[int, int]]) -> list[str]:
        """The texts of the best levels; `texts` keeps them by key."""
        sign, lots = levels.sign, levels.lots
        for price, _ in changed:
            texts.pop(sign * price, None)
        if len(texts) > MOST_TEXTS:
            texts.clear()
        top = levels.keys[: -DIGEST_LEVELS - 1 : -1]
        for key in top:
            if key not in texts:
                price = sign * key
                # The quotient of two integers is the float that their decimal text reads as.
                texts[key] = level_text(price / self._price_scale, lots[price] / self._quantity_scale)
        return [texts[key] for key in top]


def read_ledger(path: Path) -> dict[tuple[str, int], str]:
    """The digests of a ledger by symbol and update id; a last line that is still being written is left out."""
    digests = {}
    for line in path.read_text(encoding="ascii").splitlines(keepends=True):
        if line.endswith("\n"):
            symbol, update_id, digest = line.split()
            digests[symbol, int(update_id)] = digest
    return digests
