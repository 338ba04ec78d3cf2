from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import zstandard

from connectors.recordings.compressed import lines_of, whole_frames
from orderbook.errors import SettingsError, UnreadableMessage

LINES = [f"{number} {'x' * (number % 977)}".encode() for number in range(3000)]
TEXT = b"\n".join(LINES) + b"\n"


def frames(*texts: bytes) -> bytes:
    return b"".join(zstandard.compress(text) for text in texts)


def readable(file: Path) -> list[bytes]:
    lines: list[bytes] = []
    with pytest.raises(UnreadableMessage, match="cut off"):
        lines.extend(lines_of(file))
    return lines


@pytest.mark.parametrize("cut", [0, 1])
def test_plain_gzip_and_zstd_give_the_same_lines(tmp_path: Path, cut: int) -> None:
    text = TEXT[: len(TEXT) - cut]
    for name, packed in {
        "a.jsonl": text,
        "a.jsonl.gz": gzip.compress(text[:5000]) + gzip.compress(text[5000:]),
        "a.jsonl.zst": frames(text[:7], text[7:70_000], text[70_000:]),
    }.items():
        file = tmp_path / name
        file.write_bytes(packed)
        told: list[int] = []
        assert list(lines_of(file, told.append)) == LINES
        assert sum(told) == len(packed)


def test_a_line_longer_than_a_chunk_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"1\n" + b"y" * 3_000_000 + b"\n2\n")
    assert [len(line) for line in lines_of(file)] == [1, 3_000_000, 1]


def test_a_cut_gzip_gives_its_whole_lines_and_then_says_so(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.gz"
    packed = gzip.compress(TEXT)
    file.write_bytes(packed[: len(packed) // 2])
    lines = readable(file)
    assert lines == LINES[: len(lines)]
    assert 0 < len(lines) < len(LINES)


def test_a_cut_zstd_gives_its_whole_lines_and_then_says_so(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.zst"
    first, second = b"\n".join(LINES[:100]) + b"\n", b"\n".join(LINES[100:]) + b"\n"
    file.write_bytes(frames(first, second)[:-10])
    lines = readable(file)
    assert lines == LINES[: len(lines)]
    assert len(lines) >= 100
    assert whole_frames(file) == (len(frames(first)), 100)


def test_damage_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl.zst"
    file.write_bytes(frames(b"1\n") + b"this is no frame")
    with pytest.raises(UnreadableMessage, match="damaged"):
        list(lines_of(file))
    assert whole_frames(file) == (len(frames(b"1\n")), 1)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.jsonl cannot be read: No such file"):
        list(lines_of(tmp_path / "gone.jsonl"))
