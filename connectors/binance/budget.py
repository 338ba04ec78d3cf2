"""How much may be asked of an exchange over REST: request weight a minute, Retry-After and bans.

Pure: time is an argument, milliseconds of any clock that goes forward. Source: Binance public API documentation,
Limits: request weight is counted a minute and address; 429 asks to slow down, 418 is a ban for going on after that.
"""

from __future__ import annotations

from collections import deque
from typing import Final

MINUTE_MS: Final = 60_000
LOOK_AGAIN_MS: Final = 100
SPOT_WEIGHT_A_MINUTE: Final = 6000


class WeightBudget:
    """The request weight that is ours: `share` of what the exchange allows an address in a minute.

    In no stretch of 60 s is more than our share spent, wherever the exchange's minutes begin. What it reports as used
    includes other programs behind the same address: with it, nothing is spent beyond the exchange's own limit either.
    """

    def __init__(self, *, share: float, limit: int = SPOT_WEIGHT_A_MINUTE) -> None:
        self._share = share
        self._limit = limit
        self._spent: deque[tuple[int, int]] = deque()
        self._spent_sum = 0
        self._reported = 0
        self._reported_at_ms: int | None = None
        self._under_way = 0
        self._closed_until_ms = 0
        self._closed_because: str | None = None

    @property
    def closed_until_ms(self) -> int:
        """Until when nothing may be spent, as 429 or 418 said; in the past where nothing keeps us."""
        return self._closed_until_ms

    @property
    def closed_because(self) -> str | None:
        """Why nothing may be spent until `closed_until_ms`; None where that never happened."""
        return self._closed_because

    @property
    def share(self) -> int:
        """The weight a minute that is ours."""
        return int(self._share * self._limit)

    def left(self, now_ms: int) -> int:
        """Weight that may be spent at once; 0 while closed."""
        if now_ms < self._closed_until_ms:
            return 0
        self._forget(now_ms)
        ours = self.share - self._spent_sum - self._under_way
        everyone = self._limit - self._reported - self._under_way
        return max(0, min(ours, everyone))

    def wait_ms(self, weight: int, now_ms: int) -> int:
        """How long until `weight` may be spent, 0 for at once, should nothing else be spent meanwhile.

        A weight above our whole share waits until the share is whole, and is then spent.
        """
        if now_ms < self._closed_until_ms:
            return self._closed_until_ms - now_ms
        self._forget(now_ms)
        until_ms = now_ms
        missing = self._spent_sum + self._under_way + min(weight, self.share) - self.share
        for spent_at_ms, spent in self._spent:
            if missing <= 0:
                break
            missing -= spent
            until_ms = spent_at_ms + MINUTE_MS
        if missing > 0:  # requests under way: nobody knows until when
            until_ms = max(until_ms, now_ms + LOOK_AGAIN_MS)
        if self._reported_at_ms is not None and self._reported + self._under_way + weight > self._limit:
            until_ms = max(until_ms, self._reported_at_ms + MINUTE_MS)
        return until_ms - now_ms

    def may_spend(self, weight: int, now_ms: int) -> bool:
        """Whether `weight` may be spent now."""
        return self.wait_ms(weight, now_ms) == 0

    def spend(self, weight: int, now_ms: int) -> None:
        """Count a request of `weight` that is sent now."""
        self._forget(now_ms)
        self._under_way += weight

    def answered(self, weight: int, used: int | None, now_ms: int) -> None:
        """A request of `weight` ended; `used` is what the exchange says this address has used in the present minute.

        That is header X-MBX-USED-WEIGHT-1M, None where there was none. It is believed for 60 s. The request counts
        until 60 s after its end: an exchange that was slow may have counted it at any moment until then.
        """
        self._under_way = max(0, self._under_way - weight)
        self._spent.append((now_ms, weight))
        self._spent_sum += weight
        if used is not None:
            self._reported, self._reported_at_ms = used, now_ms

    def slow_down(self, retry_after_s: float, now_ms: int) -> None:
        """Obey HTTP 429: nothing until Retry-After is over."""
        self._close(retry_after_s, now_ms, f"HTTP 429 asked to wait {retry_after_s:.0f} s")

    def banned(self, retry_after_s: float, now_ms: int) -> None:
        """Obey HTTP 418: nothing until the ban is over."""
        self._close(retry_after_s, now_ms, f"HTTP 418 banned this address for {retry_after_s:.0f} s")

    def _close(self, retry_after_s: float, now_ms: int, why: str) -> None:
        until_ms = now_ms + int(retry_after_s * 1000)
        if until_ms > self._closed_until_ms:
            self._closed_until_ms = until_ms
            self._closed_because = why

    def _forget(self, now_ms: int) -> None:
        while self._spent and self._spent[0][0] <= now_ms - MINUTE_MS:
            self._spent_sum -= self._spent.popleft()[1]
        if self._reported_at_ms is not None and self._reported_at_ms <= now_ms - MINUTE_MS:
            self._reported, self._reported_at_ms = 0, None
