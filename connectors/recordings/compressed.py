"""The lines of a file, plain or compressed with gzip or zstd, as far as they can be read."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

import zstandard

from orderbook.errors import SettingsError, UnreadableMessage

CHUNK_BYTES: Final = 1 << 18

BytesRead = Callable[[int], None]
"""Told how many bytes of the file itself were read since it was last told."""


def lines_of(file: Path, bytes_read: BytesRead | None = None) -> Iterator[bytes]:
    """Yield the lines of a file, their newlines removed.

    A file that ends in mid-frame or is damaged gives the whole lines before the damage, and then raises
    UnreadableMessage. Raises SettingsError when the file cannot be opened.
    """
    try:
        with file.open("rb") as opened:
            yield from _split(_chunks(file, opened, bytes_read or _nobody))
    except OSError as unusable:
        raise SettingsError(f"recording {file} cannot be read: {unusable.strerror or unusable}") from None


def whole_frames(file: Path) -> tuple[int, int]:
    """How many bytes at the beginning of a zstd file are whole frames, and how many lines those hold.

    Whatever follows them (a frame that was being written, damage) is not counted.
    """
    whole = lines = 0
    with file.open("rb") as opened:
        try:
            for frame_bytes, frame_lines in _zstd_frames(opened):
                whole += frame_bytes
                lines += frame_lines
        except zstandard.ZstdError:
            pass
    return whole, lines


def _nobody(count: int) -> None:
    """Tell nobody."""


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        lines = chunk.split(b"\n")
        if len(lines) == 1:
            rest += chunk
            continue
        lines[0] = rest + lines[0]
        rest = lines.pop()
        yield from lines
    if rest:
        yield rest


def _chunks(file: Path, opened: IO[bytes], bytes_read: BytesRead) -> Iterator[bytes]:
    if file.suffix == ".gz":
        return _gzip_chunks(opened, bytes_read)
    if file.name.endswith((".zst", ".zst.part")):
        return _zstd_chunks(opened, bytes_read)
    return _plain_chunks(opened, bytes_read)


def _plain_chunks(opened: IO[bytes], bytes_read: BytesRead) -> Iterator[bytes]:
    while chunk := opened.read(CHUNK_BYTES):
        bytes_read(len(chunk))
        yield chunk


def _gzip_chunks(opened: IO[bytes], bytes_read: BytesRead) -> Iterator[bytes]:
    told = 0
    with gzip.GzipFile(fileobj=opened, mode="rb") as text:
        while True:
            try:
                chunk = text.read1(CHUNK_BYTES)
            except (EOFError, gzip.BadGzipFile, zlib.error) as damaged:
                raise UnreadableMessage(f"the gzip file is cut off or damaged here: {damaged}") from None
            if not chunk:
                return
            place = opened.tell()
            bytes_read(place - told)
            told = place
            yield chunk


def _zstd_chunks(opened: IO[bytes], bytes_read: BytesRead) -> Iterator[bytes]:
    frame = zstandard.ZstdDecompressor().decompressobj()
    begun = False
    while packed := opened.read(CHUNK_BYTES):
        bytes_read(len(packed))
        while packed:
            try:
                text = frame.decompress(packed)
            except zstandard.ZstdError as damaged:
                raise UnreadableMessage(f"the zstd file is damaged here: {damaged}") from None
            begun = not frame.eof
            packed = frame.unused_data if frame.eof else b""
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            if text:
                yield text
    if begun:
        raise UnreadableMessage("the zstd file is cut off here, in the middle of a frame")


def _zstd_frames(opened: IO[bytes]) -> Iterator[tuple[int, int]]:
    """(compressed bytes, lines) of each whole frame."""
    frame = zstandard.ZstdDecompressor().decompressobj()
    size = lines = 0
    while packed := opened.read(CHUNK_BYTES):
        while packed:
            lines += frame.decompress(packed).count(b"\n")
            if not frame.eof:
                size += len(packed)
                break
            size += len(packed) - len(frame.unused_data)
            packed = frame.unused_data
            yield size, lines
            frame = zstandard.ZstdDecompressor().decompressobj()
            size = lines = 0
