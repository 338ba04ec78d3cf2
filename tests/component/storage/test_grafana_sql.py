from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.component.storage.databases import Database
from tests.servers import REPOSITORY

pytestmark = pytest.mark.component

DASHBOARD = REPOSITORY / "compose" / "grafana" / "dashboards" / "orderbook.json"


def expanded(sql: str) -> str:
    """The statement as Grafana sends it: macros and the symbol variable put in."""
    span = r"\1 BETWEEN '2024-01-01T00:00:00Z' AND '2024-01-01T01:00:00Z'"
    return re.sub(r"\$__timeFilter\((\w+)\)", span, sql).replace("$symbol", "'BTCUSDT','ETHUSDT'")


def statements() -> Iterator[tuple[str, str, str]]:
    """Title, format and SQL of everything that the dashboard asks the database."""
    dashboard: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["format"], target["rawSql"]
    for variable in dashboard["templating"]["list"]:
        yield variable["name"], "variable", variable["query"]
    for annotation in dashboard["annotations"]["list"]:
        yield annotation["name"], "table", annotation["target"]["rawSql"]


@pytest.mark.parametrize(("title", "form", "sql"), [pytest.param(*row, id=row[0]) for row in statements()])
def test_the_database_can_answer_the_dashboard(migrated: Database, title: str, form: str, sql: str) -> None:
    statement = expanded(sql)
    assert "$" not in statement, title
    with migrated.connect() as connection:
        plan = connection.execute(f"EXPLAIN {statement}".encode()).fetchall()
        assert plan
        described = connection.execute(statement.encode()).description
    names = [column.name for column in described or ()]
    assert len(names) == len(set(names))
    if form == "time_series":
        assert names[:2] == ["time", "metric"]
        assert len(names) == 3
    if form == "variable":
        assert len(names) == 1
