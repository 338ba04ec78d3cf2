"""The shared recordings as the messages that the ingest's own code makes of them."""

from __future__ import annotations

from connectors.recordings.files import summarise
from connectors.recordings.playing import Player
from connectors.recordings.source import RecordingPartition
from orderbook.messages import Book, IngestMessage
from tests.recordings import recording

BEYOND_MS = 1501
"""How far beyond its newest event the heartbeats at a recording's end are: its last seconds close."""


def messages(names: tuple[str, ...], *, depth_levels: int, beyond_ms: int = BEYOND_MS) -> list[IngestMessage]:
    """Every message of one recording in its order; skips the test where the recording is absent."""
    files = recording(names)
    player = Player(summarise(files), depth_levels=depth_levels, covered=False)
    partition = RecordingPartition(files, player, "max", beyond_ms, None)
    found: list[IngestMessage] = []
    while True:
        try:
            found += partition.next_batch()
        except StopIteration:
            return found


def books(names: tuple[str, ...], *, depth_levels: int) -> list[Book]:
    """Every book of one recording."""
    return [message for message in messages(names, depth_levels=depth_levels) if isinstance(message, Book)]
