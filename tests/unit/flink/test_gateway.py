"""How the JVM is sized: by how many symbols the job follows."""

from __future__ import annotations

import pytest

from flink.gateway import BUSY_JVM_ARGS, JVM_ARGS, jvm_args


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JVM_ARGS", raising=False)


FEW = tuple(f"S{number}USDT" for number in range(50))


@pytest.mark.parametrize("symbols", [(), ("BTCUSDT",), FEW, ("TOP99:USDT",), ("TOP49:USDT", *FEW)])
def test_a_few_symbols_have_a_small_jvm(symbols: tuple[str, ...]) -> None:
    assert jvm_args(symbols) == JVM_ARGS


@pytest.mark.parametrize("symbols", [("ALL:USDT",), ("TOP100:USDT",), ("BTCUSDT", "ALL:BTC"), ("TOP50:USDT", *FEW)])
def test_many_have_one_that_compiles_for_speed(symbols: tuple[str, ...]) -> None:
    assert jvm_args(symbols) == BUSY_JVM_ARGS


def test_options_of_the_environment_replace_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JVM_ARGS", "-Xmx2g -XX:+UseParallelGC")
    assert jvm_args(("BTCUSDT",)) == ("-Xmx2g", "-XX:+UseParallelGC")
