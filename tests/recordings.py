"""The shared recordings, which are not part of this repository: tests that need them skip where they are absent."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("ORDERBOOK_RECORDINGS", REPOSITORY.parent / "shared" / "data")) / "binance_captures"
BTC = ("hftbacktest/spot_btcusdt_20240808.jsonl.gz", "hftbacktest/spot_btcusdt_20240809.jsonl.gz")
ETH = ("hftbacktest/spot_ethusdt_20240808.jsonl.gz", "hftbacktest/spot_ethusdt_20240809.jsonl.gz")
USDM_BTC = ("hftbacktest/usdm_btcusdt_20240808.jsonl.gz",)
FOUR_SYMBOLS = ("cryptofeed/spot_multi_20211012.ws",)
PARTIAL = ("messages/spot_depth20.jsonl",)
SAMPLES = ("messages/crypto_msg_parser.jsonl",)


def recording(names: tuple[str, ...]) -> tuple[Path, ...]:
    """The files of one recording; skips the test where they are not on this machine."""
    files = tuple(FOLDER / name for name in names)
    absent = [file.name for file in files if not file.is_file()]
    if absent:
        pytest.skip(f"recordings absent: {', '.join(absent)}; set ORDERBOOK_RECORDINGS to the folder that holds them")
    return files


def lines(names: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(receive time in ns, the JSON as it stands) of every line, read without any code of the product."""
    for file in recording(names):
        with gzip.open(file, "rt", encoding="utf-8") as text:
            for line in text:
                stamp, _, payload = line.partition(" ")
                yield int(stamp), json.loads(payload)
