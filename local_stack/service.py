"""What the supervisor needs to know of a long-lived process, whoever it is."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod

from local_stack.process import Program


class Service(ABC):
    """One long-lived process: how it is prepared, started, asked whether it is ready, and stopped.

    `name` stands on its log lines and names its log file. `ends_by_itself`: an end with status 0 is its purpose
    fulfilled, not a crash. `stop_group`: the stop signal goes to its whole process group.
    """

    name: str
    stop_signal: signal.Signals = signal.SIGTERM
    stop_group: bool = False
    stop_timeout_s: float = 5.0
    ready_timeout_s: float = 60.0
    ends_by_itself: bool = False

    async def prepare(self) -> None:  # noqa: B027 - most have nothing to prepare
        """Do what must be done before each start; long the first time for some, and harmless to repeat.

        Raises StackError where the service can never start like this. A cancellation leaves nothing half done.
        """

    @abstractmethod
    def program(self) -> Program:
        """What to execute; called after `prepare`, before each start."""

    @abstractmethod
    async def ready(self) -> bool:
        """Whether it serves now. Asked about ten times a second until it is so; never raises, answers within 2 s."""

    async def furnish(self) -> None:  # noqa: B027 - most need nothing
        """Complete a server that has just become ready, before anybody is told that it is; harmless to repeat.

        Raises StackError where that is impossible.
        """
