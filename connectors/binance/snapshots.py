"""Asking over REST beside the streams, for all connections of a process, within one request weight.

The thin shell around a `WishList` and a `WeightBudget`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from connectors.binance.arrival_queue import ArrivalQueue
from connectors.binance.arrivals import SnapshotArrived, StatusChanged
from connectors.binance.budget import WeightBudget
from connectors.binance.connection import monotonic_ms
from connectors.binance.receive_clock import MachineClock
from connectors.binance.rest import Banned, RequestRefused, RestClient
from connectors.binance.selection import TRADING
from connectors.binance.wishes import Request, Wish, WishList
from orderbook.errors import OrderbookError, RateLimited, VenueRefused
from runtime.logs import get_logger

THREADS: Final = 3
"""Requests under way at once: 450 answers of some 100 ms each take 15 s."""
LONGEST_WAIT_MS: Final = 1000
UNAVAILABLE_FOR_LEGAL_REASONS: Final = 451

T = TypeVar("T")
log = get_logger("binance_snapshots")


class SnapshotFetcher:
    """Threads that fetch what the connections want and put it into their queues, `arrivals` by the owner's name.

    A failed request is tried again later as long as it is wanted. While the exchange asks to wait (429) or has banned
    this address (418) nothing is asked. `wishes` spends from `budget`. `check` raises VenueRefused where the exchange
    no longer serves this region.
    """

    def __init__(
        self,
        rest: RestClient,
        budget: WeightBudget,
        wishes: WishList,
        arrivals: Mapping[str, ArrivalQueue],
        clock: MachineClock,
    ) -> None:
        self._rest = rest
        self._budget = budget
        self._wishes = wishes
        self._arrivals = arrivals
        self._clock = clock
        self._changed = threading.Condition()
        self._statuses: dict[str, str] = {}
        self._stopped = False
        self._failed: BaseException | None = None
        self._threads = [
            threading.Thread(target=self._run, name=f"binance-snapshots-{number}", daemon=True)
            for number in range(THREADS)
        ]

    def start(self) -> None:
        """Begin to serve wishes."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Serve no further wish; a request under way ends by itself."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def check(self) -> None:
        """Raise the error that ended a thread, if one did."""
        if self._failed is not None:
            raise self._failed

    def want(self, owner: str, wishes: Iterable[Wish]) -> None:
        """Replace what an owner wants; returns at once."""
        with self._changed:
            self._wishes.want(owner, wishes)
            self._changed.notify()

    def ask(self, weight: int, call: Callable[[], T]) -> T:
        """Make a request of our own within the budget: waits for `weight`, then returns or raises what `call` does."""
        with self._changed:
            while (wait_ms := self._budget.wait_ms(weight, monotonic_ms())) and not self._stopped:
                self._changed.wait(min(wait_ms, LONGEST_WAIT_MS) / 1000)
            self._budget.spend(weight, monotonic_ms())
        try:
            return call()
        except RateLimited as limited:
            with self._changed:
                self._obey(limited)
            raise
        finally:
            with self._changed:
                self._budget.answered(weight, None, monotonic_ms())

    def _run(self) -> None:
        try:
            while (request := self._next()) is not None:
                self._serve(request)
        except BaseException as failed:  # noqa: BLE001 - kept for the owner, who raises it in its own thread
            self._failed = failed

    def _next(self) -> Request | None:
        """Wait for the next request; None when stopped."""
        with self._changed:
            while not self._stopped:
                outcome = self._wishes.next(monotonic_ms())
                if isinstance(outcome, Request):
                    return outcome
                self._changed.wait(min(outcome, LONGEST_WAIT_MS) / 1000)
        return None

    def _serve(self, request: Request) -> None:
        used: int | None = None
        try:
            used = self._fetch_snapshot(request) if request.kind == "snapshot" else self._fetch_status(request)
        except RateLimited as limited:
            with self._changed:
                self._obey(limited)
                self._wishes.put_off(request)
        except OrderbookError as failed:
            if isinstance(failed, RequestRefused) and failed.status == UNAVAILABLE_FOR_LEGAL_REASONS:
                raise VenueRefused(f"{failed}: set FEED to another exchange") from None
            log.warning("request_failed", kind=request.kind, symbol=request.symbol, reason=str(failed))
            with self._changed:
                self._wishes.failed(request, monotonic_ms())
        else:
            with self._changed:
                self._wishes.done(request, monotonic_ms())
        finally:
            with self._changed:
                self._budget.answered(request.weight, used, monotonic_ms())
                self._changed.notify()

    def _fetch_snapshot(self, request: Request) -> int | None:
        answer = self._rest.depth(request.symbol, request.limit)
        log.info("snapshot_fetched", symbol=request.symbol, limit=request.limit, used_weight=answer.used_weight)
        self._arrivals[request.owner].put(
            SnapshotArrived(self._clock.now_ns(), request.symbol, request.limit, answer.payload)
        )
        return answer.used_weight

    def _fetch_status(self, request: Request) -> int | None:
        status, used = self._rest.status(request.symbol)
        before = self._statuses.get(request.symbol, TRADING)
        self._statuses[request.symbol] = status
        if status != before:
            log.warning("status_changed", symbol=request.symbol, status=status)
        if (before, status) != (TRADING, TRADING):  # told again while halted: the symbol may be followed anew
            self._arrivals[request.owner].put(StatusChanged(self._clock.now_ns(), request.symbol, status))
        return used

    def _obey(self, limited: RateLimited) -> None:
        now_ms = monotonic_ms()
        if isinstance(limited, Banned):
            self._budget.banned(limited.retry_after_s, now_ms)
        else:
            self._budget.slow_down(limited.retry_after_s, now_ms)
        until_ms = self._clock.now_ms() + self._budget.closed_until_ms - now_ms
        log.warning("requests_closed", why=self._budget.closed_because, closed_until_ms=until_ms)
