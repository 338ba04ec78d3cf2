"""Which symbols are followed: the roster that the ingest writes to STATE_DIR, read again when it has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from runtime.roster import ROSTER_FILE, followed_symbols

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderbook.settings import Settings

LOOK_EVERY_MS: Final = 1_000

Mark = tuple[int, int, int]
"""What tells one version of a file from another: modification time (ns), inode and size."""


class Following:
    """The symbols in force, in the roster's order, as of the last look.

    `mark` is asked once in LOOK_EVERY_MS and says which version of the roster stands there, None for none; `read` is
    called at the first look and when the mark is another one than before.
    """

    def __init__(self, mark: Callable[[], Mark | None], read: Callable[[], tuple[str, ...]]) -> None:
        self._mark = mark
        self._read = read
        self._known: tuple[Mark | None, tuple[str, ...]] | None = None
        self._looked_ms = 0

    def symbols(self, now_ms: int) -> tuple[str, ...]:
        """The symbols in force at a moment of the machine's clock; empty while none is known."""
        if self._known is not None and abs(now_ms - self._looked_ms) < LOOK_EVERY_MS:
            return self._known[1]
        self._looked_ms = now_ms
        # Taken before the file is read: one that is replaced in between is read again at the next look.
        mark = self._mark()
        if self._known is None or mark != self._known[0]:
            self._known = mark, self._read()
        return self._known[1]


def following(settings: Settings) -> Following:
    """Follow the roster in STATE_DIR."""
    path = settings.state_dir / ROSTER_FILE

    def mark() -> Mark | None:
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size

    return Following(mark, lambda: followed_symbols(settings))
