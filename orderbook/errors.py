"""What can go wrong, told apart by what a caller can do about it.

    OrderbookError                 anything this project raises on purpose; its text is one sentence for a person
    ├── Retryable                  the same call may succeed later: back off and try again
    │   ├── ServiceUnavailable     a server does not answer, or not yet
    │   └── RateLimited            the exchange asks to wait; `retry_after_s` says how long
    └── Fatal                      trying again gives the same result
        ├── SettingsError          a setting is nonsense or two settings contradict each other
        ├── UnreadableMessage      bytes that are not the message they should be: dead-letter them
        ├── DeliveryFailed         a record was not accepted by the broker within its time
        ├── VenueRefused           the exchange does not serve us (region, ban)
        └── StackError             the local stack cannot start or run: port, disk, checksum, Python version

A message names the thing, the value seen, and what to do about it.
"""

from __future__ import annotations


class OrderbookError(Exception):
    """Root of every error this project raises on purpose."""


class Retryable(OrderbookError):
    """The same call may succeed later."""


class ServiceUnavailable(Retryable):
    """A server does not answer, or not yet."""


class RateLimited(Retryable):
    """The exchange asks to slow down.

    `retry_after_s`: seconds to wait, as the exchange said.
    """

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Fatal(OrderbookError):
    """Trying again gives the same result."""


class SettingsError(Fatal):
    """A setting is nonsense, or two settings contradict each other."""


class UnreadableMessage(Fatal):
    """Bytes that are not the message they should be."""


class DeliveryFailed(Fatal):
    """A record was not accepted by the broker within its time."""


class VenueRefused(Fatal):
    """The exchange does not serve us, for instance because of the region (HTTP 451)."""


class StackError(Fatal):
    """The local stack cannot start or run."""
