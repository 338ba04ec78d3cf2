from __future__ import annotations

import importlib.util
import ipaddress
import json
import re
import tomllib
from pathlib import Path

import pytest
from compose_spec import PyCompose

from orderbook.settings import Settings
from tests.servers import REPOSITORY
from tests.unit.compose.conftest import COMPOSE, MissingVariable, Stack, load_stack

OURS = {
    "topics",
    "migrations",
    "flink-jobmanager",
    "flink-taskmanager",
    "flink-job",
    "ingest",
    "bridge",
    "dashboard",
    "simulator",
}
ONE_SHOT = {"topics", "migrations", "flink-job"}
LOCAL_STACK_ONLY = {"KAFKA_CONTROLLER_PORT", "STATE_DIR"}  # STATE_DIR stands in the images


def test_a_compose_parser_accepts_the_file(stack: Stack) -> None:
    PyCompose.from_json(json.dumps(stack.document)).validate()


def test_the_parser_would_see_a_mistake(stack: Stack) -> None:
    stack.services["bridge"]["depends_on"]["redis"]["condition"] = "service_ready"
    with pytest.raises(ValueError, match="service_ready"):
        PyCompose.from_json(json.dumps(stack.document)).validate()


def test_the_password_is_asked_for_and_stands_nowhere() -> None:
    with pytest.raises(MissingVariable, match=r"set POSTGRES_PASSWORD in \.env"):
        load_stack({})
    text = (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")
    for found in re.finditer(r"^\s*\w*PASSWORD\w*: *(?P<value>\S.*)$", text, re.MULTILINE):
        assert found["value"].startswith("${"), found[0]


@pytest.mark.parametrize(
    ("profiles", "more"),
    [
        ((), set()),
        (("simulator",), {"simulator"}),
        (("with-grafana",), {"grafana"}),
        (("with-pgadmin",), {"pgadmin"}),
        (("with-redpanda",), {"redpanda-console"}),
    ],
)
def test_profiles_add_their_services(stack: Stack, profiles: tuple[str, ...], more: set[str]) -> None:
    base = (OURS - {"simulator"}) | {"redpanda", "timescaledb", "redis"}
    assert stack.with_profiles(*profiles) == base | more


def test_what_a_service_waits_for_is_there_and_can_become_true(stack: Stack) -> None:
    for name, service in stack.services.items():
        started = stack.with_profiles(*service.get("profiles", ()))
        for other, rule in service.get("depends_on", {}).items():
            assert other in started, f"{name} waits for {other}, which is not started with it"
            if rule["condition"] == "service_completed_successfully":
                assert other in ONE_SHOT
            else:
                assert rule["condition"] == "service_healthy"
                assert "healthcheck" in stack.services[other], f"{name} waits for the health of {other}"


def test_every_lasting_service_has_a_health_check_and_is_started_again(stack: Stack) -> None:
    for name, service in stack.services.items():
        if name in ONE_SHOT:
            assert service["restart"] == "on-failure", name
        else:
            assert service["restart"] == "unless-stopped", name
            assert "healthcheck" in service or name == "redpanda-console", name


def test_ports_are_open_to_this_machine_only_and_each_once(stack: Stack) -> None:
    published: list[str] = []
    for service in stack.services.values():
        for port in service.get("ports", ()):
            address, host_port, _container_port = port.split(":")
            assert ipaddress.ip_address(address).is_loopback, port
            published.append(host_port)
    assert len(published) == len(set(published))
    assert {"3000", "5050", "8080", "8501"} <= set(published)


def test_versions_are_pinned_and_no_registry_is_named(stack: Stack) -> None:
    for name, service in stack.services.items():
        if "build" not in service:
            assert re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)?:v?\d+(\.\d+)+[a-z0-9.-]*", service["image"]), name
    for dockerfile in COMPOSE.glob("*.Dockerfile"):
        for image in re.findall(r"^FROM (\S+)", dockerfile.read_text(encoding="utf-8"), re.MULTILINE):
            assert re.fullmatch(r"python:3\.11\.\d+(-slim)?-bookworm", image), image


def test_every_setting_is_passed_on_and_every_name_is_a_setting(stack: Stack) -> None:
    known = {name.upper() for name in Settings.model_fields}
    for name in OURS:
        assert set(stack.services[name]["environment"]) == known - LOCAL_STACK_ONLY, name


def test_the_settings_are_accepted_and_only_addresses_differ(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    local = Settings(_env_file=None)
    given = stack.services["bridge"]["environment"]
    for name, value in given.items():
        if value is not None:
            monkeypatch.setenv(name, str(value))
    inside = Settings(_env_file=None)
    differing = {name for name in Settings.model_fields if getattr(inside, name) != getattr(local, name)}
    assert differing == {
        "kafka_bootstrap_servers",
        "database_host",
        "database_port",
        "database_password",
        "redis_host",
        "redis_port",
        "simulator_host",
        "dashboard_host",
        "record_dir",
    }


def test_the_ports_on_this_machine_are_those_of_the_settings(stack: Stack) -> None:
    local = Settings(_env_file=None)
    published = {port.split(":")[1] for service in stack.services.values() for port in service.get("ports", ())}
    assert {
        local.kafka_bootstrap_servers.rpartition(":")[2],
        str(local.database_port),
        str(local.redis_port),
        str(local.dashboard_port),
        str(local.simulator_port),
    } <= published


def test_the_commands_are_modules_and_programs_that_exist(stack: Stack) -> None:
    for name in OURS:
        command = stack.services[name]["command"]
        if command[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(command[2]) is not None, command
            if importlib.util.find_spec(f"{command[2]}.__main__") is None:
                pytest.fail(f"{command[2]} has no __main__")
        elif command[0] == "python":
            assert command[1] == "/opt/flink/submit.py"
            assert (COMPOSE / "flink" / "submit.py").exists()
        else:
            found = importlib.util.find_spec("pyflink")
            assert found is not None
            assert found.origin is not None
            assert (Path(found.origin).parent / "bin" / command[0]).exists()


def test_mounted_files_exist_and_volumes_are_declared(stack: Stack) -> None:
    made_by_the_user = {"./recordings"}
    for name, service in stack.services.items():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert source in made_by_the_user or (REPOSITORY / source).exists(), f"{name}: {source}"
            else:
                assert source in stack.document["volumes"], f"{name}: {source}"


def mounts(stack: Stack, service: str) -> dict[str, tuple[str, bool]]:
    """Path in the container to what is mounted there, and whether it can be written."""
    found: dict[str, tuple[str, bool]] = {}
    for mount in stack.services[service].get("volumes", ()):
        source, path, *mode = mount.split(":")
        found[path] = source, mode != ["ro"]
    return found


def image_folders() -> tuple[str, set[str]]:
    """STATE_DIR of the product's image, and the folders in it that its user may write."""
    text = (COMPOSE / "app.Dockerfile").read_text(encoding="utf-8")
    [state_dir] = re.findall(r"STATE_DIR=(\S+)", text)
    [folders] = re.findall(r"install --directory --owner=orderbook (.+)$", text, re.MULTILINE)
    return state_dir, set(folders.split())


def test_who_follows_symbols_and_who_shows_them_share_the_state(stack: Stack) -> None:
    state_dir, writable = image_folders()
    shared, ingest_writes = mounts(stack, "ingest")[state_dir]
    assert ingest_writes
    assert mounts(stack, "dashboard")[state_dir] == (shared, False)
    assert shared in stack.document["volumes"]
    # A new volume takes the owner of the image's folder that it covers.
    assert state_dir in writable
    # Flink keeps its checkpoints below a STATE_DIR of its own.
    assert mounts(stack, "flink-jobmanager")[state_dir][0] != shared


def test_what_is_recorded_outlives_the_container(stack: Stack) -> None:
    folder = stack.services["ingest"]["environment"]["RECORD_DIR"]
    source, ingest_writes = mounts(stack, "ingest")[folder]
    assert source in stack.document["volumes"]
    assert ingest_writes
    assert folder in image_folders()[1]


def packages() -> set[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    return set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


@pytest.mark.parametrize("name", ["app.Dockerfile", "flink.Dockerfile"])
def test_what_the_images_copy_is_there_and_not_ignored(name: str) -> None:
    copied: set[str] = set()
    for line in (COMPOSE / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            copied.update(line.split()[1:-1])
    let_through = {
        line[1:]
        for line in (COMPOSE / f"{name}.dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    assert packages() <= copied
    for path in copied:
        assert (REPOSITORY / path).exists(), path
        assert path in let_through or str(Path(path).parent) in let_through, path


def test_the_images_install_only_what_is_locked() -> None:
    for name in ("app.Dockerfile", "flink.Dockerfile"):
        text = (COMPOSE / name).read_text(encoding="utf-8")
        installs = re.findall(r"pip install (.*)$", text, re.MULTILINE)
        assert installs == [
            "--require-hashes --no-deps --requirement /build/requirements/run.txt",
            "--no-deps --no-build-isolation /build",
        ]
        assert text.rstrip().splitlines()[-2] == "USER orderbook"


def test_the_image_s_jars_are_checked_where_the_submission_takes_them() -> None:
    text = (COMPOSE / "flink.Dockerfile").read_text(encoding="utf-8")
    assert "-m flink.jars /build/flink/jars.lock.toml /opt/flink/jars" in text
    assert "FLINK_JARS=/opt/flink/jars" in text
