"""Reading the numbered SQL files.

A file is named `NNNN_name.sql`. Comment lines at its very top may carry flags, each on a line of its own:

    -- no-transaction            the one statement of the file runs outside a transaction (CREATE INDEX CONCURRENTLY)
    -- requires: timescaledb     applied only where that extension is installed in the database
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migrations.errors import MigrationRefused

SQL_FOLDER: Final = Path(__file__).with_name("sql")
FILE_NAME: Final = re.compile(r"(?P<version>\d{4})_(?P<name>[a-z0-9]+(?:_[a-z0-9]+)*)\.sql")
REQUIRES: Final = re.compile(r"--\s*requires:\s*(?P<extension>[a-z0-9_-]+)\s*")
NO_TRANSACTION: Final = re.compile(r"--\s*no-transaction\s*")


@dataclass(frozen=True, slots=True)
class Script:
    """One migration as its file holds it.

    `sha256` is of the text with Unix line ends, so that a checkout on another system has the same sum. `requires` is
    the extension without which it is skipped.
    """

    version: int
    name: str
    sql: str
    sha256: str
    transactional: bool
    requires: str | None

    @property
    def file_name(self) -> str:
        """The name of the file the script came from."""
        return f"{self.version:04d}_{self.name}.sql"


def read_script(path: Path) -> Script:
    """Read one file; raises MigrationRefused for a name or a text that is no migration."""
    matched = FILE_NAME.fullmatch(path.name)
    if matched is None:
        raise MigrationRefused(f"{path.name} is not a migration's name: use NNNN_lower_case_words.sql")
    try:
        sql = path.read_bytes().decode().replace("\r\n", "\n")
    except UnicodeDecodeError as unreadable:
        raise MigrationRefused(f"{path.name} is not UTF-8 text: {unreadable}") from None
    header = _header(sql)
    if all(line.startswith("--") or not line.strip() for line in sql.splitlines()):
        raise MigrationRefused(f"{path.name} holds no statement: write its SQL or delete it")
    required = [found["extension"] for line in header if (found := REQUIRES.fullmatch(line))]
    if len(required) > 1:
        raise MigrationRefused(f"{path.name} requires {', '.join(required)}: one extension a migration")
    return Script(
        version=int(matched["version"]),
        name=matched["name"],
        sql=sql,
        sha256=hashlib.sha256(sql.encode()).hexdigest(),
        transactional=not any(NO_TRANSACTION.fullmatch(line) for line in header),
        requires=required[0] if required else None,
    )


def read_scripts(folder: Path = SQL_FOLDER) -> tuple[Script, ...]:
    """Read every migration of a folder, by ascending version.

    Raises MigrationRefused when a file is none, two share a number, or a number is left out.
    """
    scripts = sorted((read_script(path) for path in folder.glob("*.sql")), key=lambda script: script.version)
    for expected, script in enumerate(scripts, start=1):
        if script.version != expected:
            raise MigrationRefused(
                f"{script.file_name} has number {script.version} where {expected} is due: "
                "number migrations 1, 2, 3, ... without a gap and each once"
            )
    return tuple(scripts)


def write_new(name: str, folder: Path = SQL_FOLDER) -> Path:
    """Create the next numbered file with an empty body, and return its path; raises MigrationRefused for a bad name."""
    scripts = read_scripts(folder)
    path = folder / f"{len(scripts) + 1:04d}_{name}.sql"
    if FILE_NAME.fullmatch(path.name) is None:
        raise MigrationRefused(f"{name!r} cannot name a migration: use lower-case words joined by underscores")
    path.write_text(f"-- {name.replace('_', ' ').capitalize()}.\n\n", encoding="utf-8")
    return path


def _header(sql: str) -> list[str]:
    """Return the comment lines before the first other line."""
    lines: list[str] = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.rstrip())
    return lines
