"""What one visitor has chosen; free of any widget, so that it can be tested as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import param

if TYPE_CHECKING:
    from collections.abc import Sequence

SPANS_MINUTES: Final = (1, 5, 15)


class Session(param.Parameterized):
    """The selected symbol, and how many minutes the charts show."""

    symbol = param.String(doc="The symbol shown in detail; one of those followed, empty while there is none.")
    span_minutes: param.Selector[int] = param.Selector(
        default=5, objects=list(SPANS_MINUTES), doc="Minutes that the charts show."
    )

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in param
        self.follow(symbols)

    def follow(self, symbols: Sequence[str]) -> None:
        """Let a visitor choose among these; a selected symbol that is not among them gives way to the first."""
        self._symbols = frozenset(symbols)
        if self.symbol not in self._symbols:
            self.symbol = next(iter(symbols), "")

    def choose(self, symbol: str) -> None:
        """Select a symbol; one that is not followed is ignored."""
        if symbol in self._symbols:
            self.symbol = symbol
