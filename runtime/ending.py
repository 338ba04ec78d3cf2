"""Ending when asked to: SIGTERM is treated as Ctrl-C, so that every `finally` and `close` runs."""

from __future__ import annotations

import signal


def end_on_sigterm() -> None:
    """Make SIGTERM and SIGINT raise KeyboardInterrupt in the main thread.

    SIGINT too, because a shell starts its background jobs with SIGINT ignored.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
