from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import NamedTuple

import pytest

from local_stack.preconditions import (
    WantedPort,
    check_loopback,
    check_platform,
    check_ports,
    check_space,
    check_state_dir,
)
from orderbook.errors import StackError
from tests.servers import free_port


def test_another_python_is_refused_with_its_version() -> None:
    with pytest.raises(StackError, match=r"^this is Python 3\.12: the stack needs Python 3\.11"):
        check_platform(version=(3, 12))


def test_another_system_is_refused() -> None:
    with pytest.raises(StackError, match=r"^this is darwin: the local stack runs on Linux only"):
        check_platform(version=(3, 11), platform="darwin")


def test_this_python_and_system_are_fine() -> None:
    check_platform()


def test_a_port_in_use_is_named_with_its_setting_and_its_owner() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(StackError) as refused:
            check_ports([WantedPort("REDIS_PORT", "127.0.0.1", port)])
    sentence = str(refused.value)
    assert sentence.startswith(f"port {port} is already in use by ")
    assert f"(process {os.getpid()})" in sentence
    assert "set REDIS_PORT to a free port" in sentence


def test_a_port_whose_last_connection_fades_out_is_free() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the side that closes first stays in TIME_WAIT
            assert client.recv(1) == b""
    check_ports([WantedPort("REDIS_PORT", "127.0.0.1", port)])


def test_two_settings_with_one_port_are_refused() -> None:
    port = free_port()
    with pytest.raises(StackError, match=rf"^REDIS_PORT and DASHBOARD_PORT both name port {port}"):
        check_ports([WantedPort("REDIS_PORT", "127.0.0.1", port), WantedPort("DASHBOARD_PORT", "127.0.0.1", port)])


def test_an_address_of_another_machine_is_refused() -> None:
    # 192.0.2.0/24 is kept for documentation: no machine has it.
    with pytest.raises(StackError, match=r"DASHBOARD_PORT: cannot listen on 192\.0\.2\.1:\d+ \(cannot assign"):
        check_ports([WantedPort("DASHBOARD_PORT", "192.0.2.1", free_port())])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_servers_on_this_machine_are_fine(host: str) -> None:
    check_loopback("DATABASE_HOST", host)


def test_a_server_elsewhere_is_not_ours_to_start() -> None:
    with pytest.raises(StackError, match=r"^DATABASE_HOST names db\.example, but .* unset DATABASE_HOST"):
        check_loopback("DATABASE_HOST", "db.example")


def test_a_state_folder_is_created(tmp_path: Path) -> None:
    check_state_dir(tmp_path / "deep" / "state")
    assert (tmp_path / "deep" / "state").is_dir()
    assert list((tmp_path / "deep" / "state").iterdir()) == []


def test_a_state_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(StackError, match=r"STATE_DIR=.*state cannot be written \(File exists\)"):
        check_state_dir(tmp_path / "state")


def test_a_state_folder_on_a_read_only_system_is_refused() -> None:
    with pytest.raises(StackError, match=r"STATE_DIR=/proc/state cannot be written"):
        check_state_dir(Path("/proc/state"))


def test_too_little_space_is_refused_with_both_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=300 << 20))
    with pytest.raises(StackError, match=r"^0\.3 GiB are free .* 1\.0 GiB are needed: free some space"):
        check_space(tmp_path)


def test_the_space_of_this_disk_is_what_counts(tmp_path: Path) -> None:
    check_space(tmp_path, least_bytes=1)
    with pytest.raises(StackError):
        check_space(tmp_path, least_bytes=1 << 60)
