"""What can be read of topics raw and trades. The Flink job reads all of that (`flink/readable.py`), and not much else.

The job forgives some of what is refused here: a number written as a text, what follows the object, an array around it.
It leaves out nothing that is not refused here, so that nothing is lost in silence.
"""

from __future__ import annotations

from typing import Final

from orderbook.bounds import AHEAD_MS, FIELD_NAME_LENGTH, NESTING, NUMBER_LENGTH
from orderbook.errors import UnreadableMessage
from orderbook.messages import Book, FeedGap, Heartbeat, RawMessage, Trade, decode_raw, decode_trades_topic

_DIGITS_AS_ONE: Final = bytes.maketrans(b"0123456789.eE+-", b"1" * 15)
_LONG_NUMBER: Final = b"1" * NUMBER_LENGTH


def read_raw(payload: bytes) -> RawMessage:
    """Read a record of topic raw; raises UnreadableMessage, which names the field and what stands there."""
    _check_text(payload)
    message = decode_raw(payload)
    _check_time(message)
    if isinstance(message, Book):
        _check_sides(message)
    if not message.symbol and not isinstance(message, Heartbeat):
        raise UnreadableMessage("symbol is empty: only a heartbeat's may be")
    return message


def read_trades(payload: bytes) -> Trade | Heartbeat:
    """Read a record of topic trades, a trade or a heartbeat; raises UnreadableMessage as `read_raw` does."""
    _check_text(payload)
    message = decode_trades_topic(payload)
    _check_time(message)
    if not message.symbol and isinstance(message, Trade):
        raise UnreadableMessage("symbol is empty: only a heartbeat's may be")
    return message


def _check_text(payload: bytes) -> None:
    """What the decoder does not look at and the job's JSON parser does, or bounds more narrowly."""
    if not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError as wrong:
            raise UnreadableMessage(f"not UTF-8: {wrong.reason} at byte {wrong.start}") from None
    if len(payload) < NUMBER_LENGTH:
        return
    if _LONG_NUMBER in payload.translate(_DIGITS_AS_ONE):
        raise UnreadableMessage(f"a number of {NUMBER_LENGTH} digits or more")
    if payload.count(b"[") + payload.count(b"{") >= NESTING:
        raise UnreadableMessage(f"{NESTING} brackets or more open in it: it may be nested too deeply")
    if len(payload) > FIELD_NAME_LENGTH:
        raise UnreadableMessage(f"{len(payload)} bytes: no record is as long as {FIELD_NAME_LENGTH}")


def _check_time(message: Book | Heartbeat | FeedGap | Trade) -> None:
    ahead_ms = message.event_time_ms - message.receive_time_ms
    if ahead_ms > AHEAD_MS:
        raise UnreadableMessage(f"event_time_ms {message.event_time_ms} is {ahead_ms} ms after its receive_time_ms")


def _check_sides(book: Book) -> None:
    if len(book.bid_price) != len(book.bid_qty) or len(book.ask_price) != len(book.ask_qty):
        raise UnreadableMessage(
            f"{len(book.bid_price)} bid and {len(book.ask_price)} ask prices, {len(book.bid_qty)} and "
            f"{len(book.ask_qty)} quantities: they must be as many"
        )
