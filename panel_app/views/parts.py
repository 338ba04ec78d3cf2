"""All symbols at a glance, the headline of the selected one, the alert feed, and the notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import panel as pn
import param

from panel_app.views.component import STYLES, script

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from panel_app.proof import Evidence
    from panel_app.rows import FeedRow, MarketRow, Notice


class Part(pn.custom.JSComponent):
    """A part of the page that the browser draws from records and that may say what a visitor chose."""

    _stylesheets: ClassVar[list[str]] = [STYLES]

    __abstract = True

    def __init__(self, **params: Any) -> None:  # noqa: ANN401 - Panel's own parameters
        super().__init__(sizing_mode="stretch_width", margin=0, **params)  # type: ignore[no-untyped-call]  # untyped in Panel

    def on_choice(self, kind: str, chosen: Callable[[str], None]) -> None:
        """Call `chosen` with the text of each message of this kind from the browser."""

        def take(message: Any) -> None:  # noqa: ANN401 - whatever the browser sent
            told = message.data
            if isinstance(told, dict) and isinstance(told.get(kind), str):
                chosen(told[kind])

        self.on_msg(take)


class Overview(Part):
    """One row a symbol in one element, which the browser keeps; only rows that changed travel, and who is `listed`.

    Says `symbol` when a visitor chose one, and `drawn` when the browser has drawn it anew and needs all rows.
    """

    changes = param.List(default=[])
    listed = param.List(default=[])
    selected = param.String(default="")
    medium = param.Number(default=0.5)
    high = param.Number(default=0.7)

    _esm = script("overview")

    def __init__(self, **params: Any) -> None:  # noqa: ANN401 - Panel's own parameters
        self._shown: dict[str, MarketRow] = {}
        super().__init__(**params)
        self.on_choice("drawn", lambda _: self._shown.clear())

    def draw(self, rows: Sequence[MarketRow]) -> None:
        """Send the rows that differ from what the browser has; those of symbols that are not among them go."""
        listed = [row.symbol for row in rows]
        if listed != self.listed:
            self._shown = {symbol: self._shown[symbol] for symbol in listed if symbol in self._shown}
            self.listed = listed
        changed = [row for row in rows if self._shown.get(row.symbol) != row]
        self._shown.update((row.symbol, row) for row in changed)
        if changed:
            self.changes = msgspec.to_builtins(changed)


class Headline(Part):
    """The selected symbol in large: who presses, how hard, since when, whether to believe it, and what proves it.

    Says `span` when a visitor chose how many minutes the charts show.
    """

    row = param.Dict(default={})
    proof = param.List(default=[])
    span_minutes = param.Integer(default=5)
    spans = param.List(default=[])

    _esm = script("headline")

    def draw(self, row: MarketRow | None, proof: Sequence[Evidence]) -> None:
        """Show one symbol's row and what proves its book; None while no symbol is known."""
        self.row = {} if row is None else msgspec.to_builtins(row)
        self.proof = msgspec.to_builtins(list(proof))


class AlertFeed(Part):
    """Alert episodes, newest first. Says `symbol` when a visitor chose one's symbol."""

    rows = param.List(default=[])

    _esm = script("feed")

    def draw(self, rows: Sequence[FeedRow]) -> None:
        """Show these episodes."""
        self.rows = msgspec.to_builtins(list(rows))


class Notices(Part):
    """Banners, and the page's clock: without a new `now_ms` for some seconds the page says that it is cut off."""

    now_ms = param.Integer(default=0)
    notices = param.List(default=[])

    _esm = script("notices")

    def draw(self, notices: Sequence[Notice], now_ms: int) -> None:
        """Show these banners, as of the snapshot's time."""
        self.notices = msgspec.to_builtins(list(notices))
        self.now_ms = now_ms
