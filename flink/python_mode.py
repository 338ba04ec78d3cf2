"""Where the job's Python runs, and where its checkpoints lie therefore."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from find_libpython import find_libpython

from flink.checkpoints import Checkpoints
from orderbook.errors import SettingsError

if TYPE_CHECKING:
    from flink.rendering import JobSql
    from orderbook.settings import Settings

PythonMode = Literal["thread", "process"]


def python_mode(settings: Settings) -> PythonMode:
    """Return where Python runs: in a thread of the JVM that loads its shared library, or in a process of its own.

    Some Pythons are built without such a library. Raises SettingsError where FLINK_PYTHON asks for a thread then.
    """
    if settings.flink_python == "process":
        return "process"
    if find_libpython() is not None:
        return "thread"
    if settings.flink_python == "thread":
        raise SettingsError(
            f"FLINK_PYTHON='thread', but {sys.executable} has no shared library: install libpython, or say auto"
        )
    return "process"


def checkpoints_of(settings: Settings, sql: JobSql) -> Checkpoints:
    """Return the place of the job's checkpoints; Python's state in a thread and in a process are not each other's."""
    return Checkpoints.of_job(settings.state_dir, f"{sql.fingerprint}-{python_mode(settings)}")
