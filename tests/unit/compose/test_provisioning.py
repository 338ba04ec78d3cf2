from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # published without type information

from orderbook.settings import Settings
from tests.unit.compose.conftest import COMPOSE, Stack

GRAFANA = COMPOSE / "grafana"


@pytest.fixture
def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "orderbook.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def sources() -> list[dict[str, Any]]:
    text = (GRAFANA / "provisioning" / "datasources" / "orderbook.yaml").read_text(encoding="utf-8")
    listed: list[dict[str, Any]] = yaml.safe_load(text)["datasources"]
    return listed


def named_sources(part: object) -> Iterator[dict[str, Any]]:
    """Every `datasource` anywhere in the dashboard."""
    if isinstance(part, dict):
        if "datasource" in part:
            yield part["datasource"]
        for child in part.values():
            yield from named_sources(child)
    elif isinstance(part, list):
        for child in part:
            yield from named_sources(child)


def test_ids_are_unique(dashboard: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) == len(dashboard["panels"]) > 0


def test_every_data_source_that_is_named_exists(dashboard: dict[str, Any], sources: list[dict[str, Any]]) -> None:
    provisioned = {(source["type"], source["uid"]) for source in sources}
    named = {(source["type"], source["uid"]) for source in named_sources(dashboard)}
    assert named == provisioned


def test_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not own & cells, panel["title"]
        cells |= own


def test_the_lines_of_the_imbalance_are_the_default_thresholds(dashboard: dict[str, Any]) -> None:
    [panel] = [panel for panel in dashboard["panels"] if panel["title"] == "Imbalance"]
    settings = Settings(_env_file=None)
    high, medium = settings.alert_threshold_high, settings.alert_threshold_medium
    steps = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
    assert steps == [None, -high, -medium, medium, high]


def test_grafana_and_pgadmin_reach_the_database_of_the_stack(sources: list[dict[str, Any]], stack: Stack) -> None:
    database = stack.services["timescaledb"]["environment"]
    [source] = sources
    assert source["url"] == "timescaledb:5432"
    assert (source["user"], source["jsonData"]["database"]) == (database["POSTGRES_USER"], database["POSTGRES_DB"])
    assert source["secureJsonData"] == {"password": "$POSTGRES_PASSWORD"}
    [server] = json.loads((COMPOSE / "pgadmin" / "servers.json").read_text(encoding="utf-8"))["Servers"].values()
    assert (server["Host"], server["Port"]) == ("timescaledb", 5432)
    assert (server["Username"], server["MaintenanceDB"]) == (database["POSTGRES_USER"], database["POSTGRES_DB"])
    assert "Password" not in server


def test_the_dashboards_are_where_their_provider_looks(stack: Stack) -> None:
    text = (GRAFANA / "provisioning" / "dashboards" / "orderbook.yaml").read_text(encoding="utf-8")
    [provider] = yaml.safe_load(text)["providers"]
    folder = provider["options"]["path"]
    mounts = dict(mount.split(":")[:2] for mount in stack.services["grafana"]["volumes"])
    assert mounts["./compose/grafana/dashboards"] == folder
    home = stack.services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder}/orderbook.json"
