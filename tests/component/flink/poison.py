"""Records that nothing may be made of, for topics raw and trades: each with what its dead letter says of it."""

from __future__ import annotations

import json
from typing import Any

from orderbook.messages import Book, FeedGap, Heartbeat, Trade, encode

YEAR_2100_MS = 4_102_444_800_000
DAY_MS = 86_400_000
BEYOND_ANY_DATE_MS = 2**62


def of_raw(book: Book, heartbeat: Heartbeat, feed_gap: FeedGap) -> dict[bytes, str]:
    """The payload to a part of its reason; made from sound messages."""
    first, last = f"{book.event_time_ms}", f"{book.receive_time_ms}"
    return {
        b"": "truncated",
        b"{not json": "malformed",
        b"null": "Expected `object`, got `null`",
        b"[]": "Expected `object`, got `array`",
        b'"book"': "Expected `object`, got `str`",
        b"\x00\x01\x02\xff\xfe": "not UTF-8",
        encode(book)[:-40]: "truncated",
        encode(book)[: len(encode(book)) // 2]: "truncated",
        encode(book).replace(b"simulator", b"simul\xe4tor"): "not UTF-8: invalid continuation byte",
        encode(book).replace(b'"live"', b"NaN"): "malformed",
        _with(book, type="candle"): 'there stands "candle"',
        _with(book, type=None): "$.type",
        _with(book, symbol=""): "symbol is empty",
        _with(book, symbol=None): "$.symbol",
        _with(book, symbol="X" * 101): "length <= 100",
        _with(book, venue=None): "$.venue",
        _with(book, state=None): "$.state",
        _with(book, state="certain"): 'there stands "certain"',
        _with(book, cause="bad luck"): 'there stands "bad luck"',
        _with(book, update_id=None): "$.update_id",
        _with(book, update_id=-1): "there stands -1",
        _with(book, update_id=2**63): "$.update_id",
        _with(book, event_time_ms=None): "$.event_time_ms",
        _with(book, event_time_ms="soon"): 'there stands "soon"',
        _with(book, event_time_ms=-1): "there stands -1",
        _with(book, event_time_ms=BEYOND_ANY_DATE_MS): f"there stands {BEYOND_ANY_DATE_MS}",
        _with(book, event_time_ms=YEAR_2100_MS, receive_time_ms=YEAR_2100_MS): f"there stands {YEAR_2100_MS}",
        _with(book, event_time_ms=YEAR_2100_MS - 1, receive_time_ms=YEAR_2100_MS): f"there stands {YEAR_2100_MS}",
        _with(book, event_time_ms=book.receive_time_ms + DAY_MS + 1): "86400001 ms after its receive_time_ms",
        _with(book, receive_time_ms=None): "$.receive_time_ms",
        encode(book).replace(first.encode(), b"1e400").replace(last.encode(), b"1e400"): "out of range",
        _with(book, bid_price="cheap"): 'there stands "cheap"',
        _with(book, bid_price=None): "$.bid_price",
        _with(book, bid_qty=book.bid_qty[:-1]): "they must be as many",
        _with(book, ask_price=[None, *book.ask_price[1:]]): "$.ask_price[0]",
        _with(book, ask_price=[-1.0, *book.ask_price[1:]]): "there stands -1.0",
        _with(book, ask_qty=[1e300, *book.ask_qty[1:]]): "there stands 1e+300",
        _with(book, bid_qty=[-0.1, *book.bid_qty[1:]]): "there stands -0.1",
        _infinite(book, "bid_qty"): "out of range",
        _infinite(book, "ask_depth_within"): "out of range",
        _with(book, buy_qty=1e200): "there stands 1e+200",
        _with(book, trades=-5): "there stands -5",
        encode(book)[:-1] + b',"deep":' + b"[" * 5000 + b"]" * 5000 + b"}": "nested too deeply",
        encode(book)[:-1] + b',"long":' + b"7" * 1001 + b"}": "a number of 1000 digits",
        _with(heartbeat, state=None): "$.state",
        _with(heartbeat, event_time_ms=BEYOND_ANY_DATE_MS): "$.event_time_ms",
        _with(heartbeat, reason="x" * 990_000): "the first 4096 of",
        _with(feed_gap, symbol=""): "symbol is empty",
        _with(feed_gap, event_time_ms=None): "$.event_time_ms",
    }


def of_trades(trade: Trade, book: Book) -> dict[bytes, str]:
    """As `of_raw`."""
    return {
        b"{not json": "malformed",
        encode(trade)[:-10]: "truncated",
        encode(book): 'there stands "book"',
        _with(trade, symbol=""): "symbol is empty",
        _with(trade, aggressor="both"): 'there stands "both"',
        _with(trade, aggressor=None): "$.aggressor",
        _with(trade, quantity=None): "$.quantity",
        _with(trade, quantity="NaN"): 'there stands "NaN"',
        _with(trade, quantity=-1.0): "there stands -1.0",
        _with(trade, quantity=1e300): "there stands 1e+300",
        _infinite(trade, "quantity"): "out of range",
        _with(trade, event_time_ms=BEYOND_ANY_DATE_MS): "$.event_time_ms",
        _with(trade, event_time_ms=trade.receive_time_ms + 2 * DAY_MS): "after its receive_time_ms",
        _with(trade, receive_time_ms=None): "$.receive_time_ms",
        _with(trade, symbol="x" * 990_000): "the first 4096 of",
    }


def _with(message: Book | Heartbeat | FeedGap | Trade, **told: Any) -> bytes:  # noqa: ANN401 - what no field should hold
    return json.dumps(json.loads(encode(message)) | told).encode()


def _infinite(message: Book | Trade, field: str) -> bytes:
    """With a number of 400 digits before the point in the field."""
    fields = json.loads(encode(message))
    fields[field] = [0.125, *fields[field][1:]] if isinstance(fields[field], list) else 0.125
    return json.dumps(fields).encode().replace(b"0.125", b"1e400")
