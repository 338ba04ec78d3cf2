"""What the migrations room raises: one error, a Fatal of `orderbook.errors`."""

from __future__ import annotations

from orderbook.errors import Fatal


class MigrationRefused(Fatal):
    """A migration cannot be read or applied, or was changed after it had been applied."""
