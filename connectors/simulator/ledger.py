"""The truth, line by line: the digest of the exchange's own book at the update id of every diff of the 100 ms stream.

A line is `SYMBOL UPDATE_ID DIGEST`. Diffs that a fault keeps from the wire have their line as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from connectors.simulator.digest import DIGEST_LEVELS, level_text, text_digest
from connectors.simulator.instruments import Instrument
from connectors.simulator.matching import Levels, MatchingBook

BUFFER_BYTES: Final = 1 << 20
MOST_TEXTS: Final = 4096
"""Levels whose text is kept for each symbol: most are the same from one diff to the next."""


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

    __slots__ = ("_ledger", "_price_scale", "_quantity_scale", "_symbol", "_texts")

    def __init__(self, ledger: Ledger, instrument: Instrument) -> None:
        self._ledger = ledger
        self._symbol = instrument.symbol
        self._price_scale: int = 10**instrument.price_decimals
        self._quantity_scale: int = 10**instrument.quantity_decimals
        self._texts: dict[tuple[int, int], str] = {}

    def note(self, book: MatchingBook) -> None:
        """Write the line of the book as it is; call it at each diff."""
        if len(self._texts) > MOST_TEXTS:
            self._texts.clear()
        digest = text_digest(self._side(book.bids), self._side(book.asks))
        self._ledger.write(f"{self._symbol} {book.update_id} {digest}\n")

    def _side(self, levels: Levels) -> list[str]:
        texts, side = self._texts, []
        for level in levels.top(DIGEST_LEVELS):
            text = texts.get(level)
            if text is None:
                # The quotient of two integers is the float that their decimal text reads as.
                text = level_text(level[0] / self._price_scale, level[1] / self._quantity_scale)
                texts[level] = text
            side.append(text)
        return side


def read_ledger(path: Path) -> dict[tuple[str, int], str]:
    """The digests of a ledger by symbol and update id; a last line that is still being written is left out."""
    digests = {}
    for line in path.read_text(encoding="ascii").splitlines(keepends=True):
        if line.endswith("\n"):
            symbol, update_id, digest = line.split()
            digests[symbol, int(update_id)] = digest
    return digests
