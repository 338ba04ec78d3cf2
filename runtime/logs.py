"""Structured logs: one event name a happening, values as keys, on standard error."""

from __future__ import annotations

import logging
import sys

import structlog

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logs(*, level: str, form: str) -> None:
    """Set up structlog for this process: `level` debug, info, warning or error; `form` console or json.

    Console lines are coloured only on a terminal. Call once, before the first line is logged.
    """
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24, sort_keys=False)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def get_logger(process: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of one process or part; `process` stands on every line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(process=process)
    return logger
