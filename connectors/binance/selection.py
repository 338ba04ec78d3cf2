"""Which symbols SYMBOLS stands for: names, every market of a quote asset, or the most traded of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from orderbook.errors import SettingsError
from orderbook.settings import ALL_PATTERN, SYMBOL_PATTERN, TOP_PATTERN

TRADING: Final = "TRADING"
QUOTES_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Listed:
    """A symbol as the exchange lists it; only those with status TRADING can be followed."""

    symbol: str
    status: str
    quote_asset: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What a venue lists, by symbol, and the weight a minute it allows an address; None where it does not say."""

    venue: str
    listed: Mapping[str, Listed]
    weight_a_minute: int | None = None

    @property
    def trading(self) -> set[str]:
        """Every symbol that is trading now."""
        return {entry.symbol for entry in self.listed.values() if entry.status == TRADING}


def needs_volumes(tokens: Iterable[str]) -> bool:
    """Whether one of the tokens picks by traded volume."""
    return any(TOP_PATTERN.fullmatch(token) for token in tokens)


def select(tokens: Sequence[str], listing: Listing, quote_volumes: Mapping[str, float]) -> tuple[str, ...]:
    """Return the symbols the tokens stand for, each once, in the order of the tokens.

    A token is a symbol (BTCUSDT), every trading symbol of a quote asset by name (ALL:USDT), or the `n` of them with the
    largest quote volume of the last 24 hours, largest first (TOP50:USDT; `quote_volumes` by symbol, 0 where absent).
    Raises SettingsError for symbols that are not trading, with the nearest names, and for a quote asset that nothing
    is traded in. A listed symbol that is no symbol to us (letters other than A to Z) is passed over.
    """
    refuse_unknown((token for token in tokens if ":" not in token), listing)
    chosen: dict[str, None] = {}
    for token in tokens:
        if everything := ALL_PATTERN.fullmatch(token):
            names = sorted(_quoted_in(everything["quote"], token, listing))
        elif top := TOP_PATTERN.fullmatch(token):
            by_volume = sorted(
                _quoted_in(top["quote"], token, listing), key=lambda name: (-quote_volumes.get(name, 0.0), name)
            )
            names = by_volume[: int(top["count"])]
        else:
            names = [token]
        chosen.update(dict.fromkeys(names))
    return tuple(chosen)


def refuse_unknown(symbols: Iterable[str], listing: Listing) -> None:
    """Raise SettingsError naming each symbol that is not trading at the venue, with its nearest neighbours.

    An unknown stream is acknowledged by Binance and stays silent, so this must be asked before subscribing.
    """
    trading = listing.trading
    described = [why_unknown(symbol, listing) for symbol in symbols if symbol not in trading]
    if described:
        raise SettingsError(f"SYMBOLS names what {listing.venue} does not trade: {'; '.join(described)}")


def why_unknown(symbol: str, listing: Listing) -> str:
    """A symbol that cannot be followed, with its status where it is listed, else with the nearest names."""
    entry = listing.listed.get(symbol)
    if entry is not None:
        return f"{symbol} (its status is {entry.status})"
    near = difflib.get_close_matches(symbol, listing.trading, n=3)
    return f"{symbol} (did you mean {', '.join(near)}?)" if near else symbol


def _quoted_in(quote_asset: str, token: str, listing: Listing) -> list[str]:
    names = [
        entry.symbol
        for entry in listing.listed.values()
        if entry.quote_asset == quote_asset and entry.status == TRADING and SYMBOL_PATTERN.fullmatch(entry.symbol)
    ]
    if not names:
        assets = sorted({entry.quote_asset for entry in listing.listed.values() if entry.status == TRADING})
        raise SettingsError(
            f"SYMBOLS holds {token}, but nothing on {listing.venue} is traded in {quote_asset}: "
            f"its quote assets are {', '.join(assets[:QUOTES_SHOWN])}{', …' if len(assets) > QUOTES_SHOWN else ''}"
        )
    return names
