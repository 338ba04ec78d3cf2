"""The page of metrics is what the catalogue makes."""

from __future__ import annotations

from orderbook.catalogue_page import page
from orderbook.metrics import METRICS, Metric
from orderbook.window_metrics import WINDOW_METRICS, WindowMetric
from tests.servers import REPOSITORY


def test_the_page_is_current() -> None:
    written = (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert written == page(), "run `python -m orderbook.catalogue_page > docs/metrics.md`"


def test_each_metric_says_what_makes_it_undefined_and_what_its_windows_hold() -> None:
    sections = page().split("\n### ")[1:]
    catalogue: tuple[Metric | WindowMetric, ...] = (*METRICS, *WINDOW_METRICS)
    assert [section.split("\n", 1)[0] for section in sections] == [metric.name for metric in catalogue]
    for section, metric in zip(sections, catalogue, strict=True):
        assert f"| definition | {metric.definition} |" in section
        assert f"| undefined | {metric.undefined} |" in section
    for section, of_book in zip(sections, METRICS, strict=False):
        assert f"| window | {', '.join(of_book.statistics)} |" in section
