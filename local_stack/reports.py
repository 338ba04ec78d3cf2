"""What the stack says while it runs: state lines on the console, and every process's own log in a file of its own."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, Literal, Protocol

from rich.console import Console
from rich.text import Text

Tone = Literal["plain", "good", "bad", "faint"]

LOG_FILE_BYTES: Final = 5 << 20
LOG_FILES_BEFORE: Final = 2
NAME_WIDTH: Final = 10
NAME_COLOURS: Final = ("cyan", "magenta", "blue", "green", "yellow", "bright_cyan", "bright_magenta", "bright_blue")
TONES: Final[dict[Tone, str]] = {"plain": "", "good": "green", "bad": "bold red", "faint": "dim"}


class Reporter(Protocol):
    """Who is told what happens."""

    def state(self, name: str, text: str, tone: Tone = "plain") -> None:
        """Something happened to the process or step `name`."""

    def output(self, name: str, line: str) -> None:
        """The process or step `name` wrote a line."""


class StackReporter:
    """State lines on the console and in `stack.log`; each process's lines in `<name>.log`, also shown if `verbose`.

    Each file is kept below 5 MiB, with two older ones beside it.
    """

    def __init__(self, console: Console, folder: Path, *, verbose: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._console = console
        self._folder = folder
        self._verbose = verbose
        self._files: dict[str, RotatingFileHandler] = {}
        self._colours: dict[str, str] = {}
        self._stack = self._open("stack", "%(asctime)s %(message)s")

    def state(self, name: str, text: str, tone: Tone = "plain") -> None:
        """Show and keep a state line."""
        self._stack.handle(_record(f"{name:>{NAME_WIDTH}} | {text}"))
        self._show(name, text, tone)

    def output(self, name: str, line: str) -> None:
        """Keep a line of a process; show it if verbose."""
        self.log_of(name)
        self._files[name].handle(_record(line))
        if self._verbose:
            self._show(name, line, "faint")

    def log_of(self, name: str) -> Path:
        """The log file of a process; opened at the first call."""
        if name not in self._files:
            self._files[name] = self._open(name, "%(message)s")
        return self._path(name)

    def close(self) -> None:
        """Close every file."""
        for handler in (self._stack, *self._files.values()):
            handler.close()

    def _show(self, name: str, text: str, tone: Tone) -> None:
        colour = self._colours.setdefault(name, NAME_COLOURS[len(self._colours) % len(NAME_COLOURS)])
        line = Text.assemble((f"{name:>{NAME_WIDTH}} ", colour), ("| ", "dim"), (text, TONES[tone]))
        self._console.print(line, soft_wrap=True)

    def _open(self, name: str, form: str) -> RotatingFileHandler:
        handler = RotatingFileHandler(
            self._path(name), maxBytes=LOG_FILE_BYTES, backupCount=LOG_FILES_BEFORE, encoding="utf-8"
        )
        handler.setFormatter(logging.Formatter(form))
        return handler

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.log"


def _record(text: str) -> logging.LogRecord:
    return logging.LogRecord("stack", logging.INFO, "", 0, text, None, None)
