"""The values that the alerts read of each book, as SQL over the view `measured`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orderbook.alerts.values import BASELINE_WARM_UP_BOOKS, sql_of

if TYPE_CHECKING:
    from orderbook.alerts import AlertRules


def alert_values(rules: AlertRules, *, baseline_third: int) -> tuple[str, ...]:
    """Return one DOUBLE expression for each of `rules.values`, in their order.

    A rolling mean is warm from a third of its records on where these are fewer than the warm-up's books.
    """
    warm_up_books = min(BASELINE_WARM_UP_BOOKS, baseline_third)
    return tuple(f"CAST({sql_of(name, warm_up_books=warm_up_books)} AS DOUBLE)" for name in rules.values)
