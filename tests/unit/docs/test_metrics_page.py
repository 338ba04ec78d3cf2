"""The page of metrics is what the catalogue makes."""

from __future__ import annotations

from orderbook.catalogue_page import page
from orderbook.metrics import METRICS
from tests.servers import REPOSITORY


def test_the_page_is_current() -> None:
    written = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert written == page(), "run `python -m orderbook.catalogue_page > docs/metrics.md`"


def test_each_metric_says_what_makes_it_undefined_and_what_its_windows_hold() -> None:
    sections = page().split("\n### ")[1:]
    assert [section.split("\n", 1)[0] for section in sections] == [metric.name for metric in METRICS]
    for section, metric in zip(sections, METRICS, strict=True):
        assert f"| definition | {metric.definition} |" in section
        assert f"| undefined | {metric.undefined} |" in section
        assert f"| window | {', '.join(metric.statistics)} |" in section
