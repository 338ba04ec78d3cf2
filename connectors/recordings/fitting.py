"""Fitting on a recording: the session's own code rebuilds its books."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from connectors.recordings.compressed import BytesRead
from connectors.recordings.files import read, summarise
from connectors.recordings.playing import Player
from orderbook.fitted import FittedSymbol
from orderbook.fitting import SymbolFit
from orderbook.messages import Book, FeedGap, Heartbeat


def fit(
    files: Sequence[Path], venues: Sequence[str], *, depth: int, bytes_read: BytesRead | None = None
) -> list[FittedSymbol]:
    """Fit the tables of every symbol of a recording; `depth` is the levels a side that flows are computed from.

    Raises SettingsError when the recording cannot be used, or holds too few live books of a symbol.
    """
    summary = summarise(files)
    fits = {symbol: SymbolFit(symbol, depth) for symbol in summary.symbols}
    player = Player(summary, depth_levels=depth, covered=False)
    for line in read(files, bytes_read):
        for message in player.play(line):
            if isinstance(message, Book | Heartbeat | FeedGap) and message.symbol in fits:
                fits[message.symbol].take(message)
    return [symbol_fit.fitted(list(venues)) for symbol_fit in fits.values()]
