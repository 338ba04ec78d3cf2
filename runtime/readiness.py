"""How a process tells whoever started it that it is ready: it creates the file named by ORDERBOOK_READY_FILE.

A file rather than a log line or a port: it needs no parsing, works for processes without a port, and is the same in
a container (`test -f`) and under the local supervisor.
"""

from __future__ import annotations

import os
from pathlib import Path

READY_FILE_VARIABLE = "ORDERBOOK_READY_FILE"


def announce_ready() -> None:
    """Create the ready file; does nothing where no file was asked for. Harmless when called again."""
    name = os.environ.get(READY_FILE_VARIABLE)
    if name:
        Path(name).touch()
