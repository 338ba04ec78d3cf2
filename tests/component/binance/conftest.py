from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orderbook.settings import Settings
from tests.processes import running
from tests.servers import free_port


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Settings]:
    """The exchange simulator as a process with four symbols, and settings that follow two of them."""
    address = Settings(
        symbols=("BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT"),
        feed="simulator",
        simulator_port=free_port(),
        state_dir=tmp_path / "state",
        log_format="json",
    )
    with running(address, ["connectors.simulator"], tmp_path):
        yield address.model_copy(update={"symbols": ("BTCUSDT", "ETHUSDT")})
