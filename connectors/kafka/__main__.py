"""`python -m connectors.kafka`: create the topics of the settings; waits for the broker; harmless when repeated."""

from __future__ import annotations

import sys

from connectors.kafka.topics import create_topics
from orderbook.errors import OrderbookError
from orderbook.settings import load_settings
from runtime.logs import configure_logs, get_logger


def main() -> int:
    """Return the exit status: 0, or 1 after one line that says why."""
    try:
        settings = load_settings()
        configure_logs(level=settings.log_level, form=settings.log_format)
        created = create_topics(settings)
    except OrderbookError as refused:
        sys.stderr.write(f"{refused}\n")
        return 1
    get_logger("topics").info("topics_ready", created=created, partitions=settings.topic_partitions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
