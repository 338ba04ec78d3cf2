"""Playing a recording: each connection part's arrivals drive a session of its own, as they did live."""

from __future__ import annotations

from connectors.binance.arrivals import NS_PER_MS, drive
from connectors.recordings.files import RecordingSummary
from connectors.recordings.recorded import LostFrames, RecordedLine, UnreadableLine
from orderbook.keeper import BookKeeper
from orderbook.messages import IngestMessage
from orderbook.session import IngestSession

VENUE = "recording"


class Player:
    """The sessions of a recording. The receive times of its lines are their clock, so any pace gives the same messages.

    `venue` stands on every message. With `covered`, levels beyond the last snapshot make a book unverified; without,
    only where the recording is of our own recorder, which fetched a newer snapshot when one was needed.
    """

    def __init__(
        self, summary: RecordingSummary, *, depth_levels: int, venue: str = VENUE, covered: bool = True
    ) -> None:
        self._sessions = {
            session.series: IngestSession(
                venue=venue,
                symbols=session.symbols,
                depth_levels=depth_levels,
                market=summary.market,
                covered=covered or bool(session.series),
            )
            for session in summary.sessions
        }

    @property
    def keepers(self) -> tuple[BookKeeper, ...]:
        """The keepers of every symbol."""
        return tuple(keeper for session in self._sessions.values() for keeper in session.keepers)

    def play(self, line: RecordedLine) -> list[IngestMessage]:
        """Return what a line makes. A line that cannot be read becomes a dead letter; the sequence shows what it was.

        So it is with lost frames: the next diff tells whether the book missed one.
        """
        session = self._sessions[line.place.series]
        match line:
            case UnreadableLine(place, receive_time_ns, reason, text):
                return session.unreadable(text, reason, f"recording {place}", receive_time_ns // NS_PER_MS)
            case LostFrames(_, receive_time_ns, _):
                return session.advance(receive_time_ns // NS_PER_MS)
            case recorded:
                return drive(session, recorded.arrival, f"recording {recorded.place}")

    def close_windows(self, beyond_ms: int, now_ms: int) -> list[IngestMessage]:
        """Return heartbeats whose event time is `beyond_ms` after the newest event: the recording's end."""
        return [message for session in self._sessions.values() for message in session.close_windows(beyond_ms, now_ms)]
