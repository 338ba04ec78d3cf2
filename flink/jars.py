"""Fetch the jars of a lock file, with neither Java nor Maven: `python -m flink.jars LOCKFILE TARGET_DIR`.

A lock file lists coordinates and SHA-256 sums and no address; where a jar comes from is jgo's default. jgo itself only
warns of a wrong sum, so every jar is checked here, each time: 54 MB take 0.1 s. A jar reaches its place by a rename,
so the folder never holds half a jar, also when several processes fetch at once. What was downloaded is left in the
user's Maven repository too (`M2_REPO`, else `~/.m2/repository`), and taken from there by the next clone.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import logging
import os
import re
import shutil
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from orderbook.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PARALLEL_DOWNLOADS: Final = 8
ATTEMPTS: Final = 3
RESPONSE_TIMEOUT_S: Final = 30

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class LockedJar:
    """One jar of a lock file: its Maven coordinates and the sum its bytes must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The jar's name in the target folder."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def repository_path(self) -> Path:
        """The jar's place below the root of a Maven repository."""
        return Path(*self.group.split("."), self.artifact, self.version, self.file_name)


def read_lock(lock_file: Path) -> tuple[LockedJar, ...]:
    """Return the jars of a lock file in its order.

    Raises StackError where the file is missing, is not TOML, or an entry lacks a well-formed field.
    """
    try:
        entries = tomllib.loads(lock_file.read_text(encoding="utf-8")).get("jar", [])
    except (OSError, tomllib.TOMLDecodeError) as unreadable:
        raise StackError(f"the list of jars {lock_file} cannot be read: {unreadable}") from None
    if not isinstance(entries, list) or not entries:
        raise StackError(f"the list of jars {lock_file} names no [[jar]]")
    return tuple(_locked_jar(lock_file, position, entry) for position, entry in enumerate(entries, start=1))


def fetch_jars(lock_file: Path, target: Path, *, console: Console) -> tuple[Path, ...]:
    """Make `target` hold every jar of `lock_file` with the right sum; return their paths in the lock's order.

    Jars already there are kept; one whose sum is wrong is deleted, named on the console, and fetched anew. Raises
    StackError where a jar cannot be fetched or what was fetched has another sum than the lock says (it is deleted).
    """
    jars = read_lock(lock_file)
    places = tuple(target / jar.file_name for jar in jars)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
            seen = list(pool.map(sha256_of, places))
    except OSError as failed:
        raise StackError(f"the folder {target} for the jars cannot be used: {failed}") from None
    missing = []
    for jar, place, seen_sum in zip(jars, places, seen, strict=True):
        if seen_sum == jar.sha256:
            continue
        if seen_sum is not None:
            place.unlink(missing_ok=True)
            console.print(f"{_wrong_sum(jar, seen_sum)}; it is fetched anew", soft_wrap=True, highlight=False)
        missing.append(jar)
    if missing:
        _fetch_missing(missing, target, console)
    return places


def sha256_of(file: Path) -> str | None:
    """Return the SHA-256 of a file's bytes in hexadecimal; None where there is no such file."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        return None


def _locked_jar(lock_file: Path, position: int, entry: Mapping[str, object]) -> LockedJar:
    fields = {name: str(entry.get(name, "")) for name in ("group", "artifact", "version", "sha256")}
    for name, text in fields.items():
        if not (_SHA256 if name == "sha256" else _NAME).fullmatch(text):
            raise StackError(f"entry {position} of {lock_file} has {name}={text!r}: lock the jar again")
    return LockedJar(**fields)


def _wrong_sum(jar: LockedJar, seen: str) -> str:
    return f"{jar.file_name} has a wrong sum: expected sha256 {jar.sha256}, seen {seen}"


def _fetch_missing(jars: list[LockedJar], target: Path, console: Console) -> None:
    # jgo warns of what is checked here with a stronger sum.
    logging.getLogger("jgo").setLevel(logging.ERROR)
    console.print(f"fetching {len(jars)} jars into {target}", soft_wrap=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with (
        tempfile.TemporaryDirectory(dir=target, prefix=".fetch-") as staging,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
        ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool,
    ):
        fetch = partial(_fetch_one, target=target, staging=Path(staging), progress=progress)
        # The list is what raises the first error here, in the caller's thread.
        list(pool.map(fetch, jars))


def _fetch_one(jar: LockedJar, *, target: Path, staging: Path, progress: Progress) -> None:
    """Put one jar in its place, from the user's Maven repository or from the network."""
    from jgo.constants import default_maven_repo  # noqa: PLC0415 - jgo costs 0.5 s, and a warm start does not need it

    shared = default_maven_repo() / jar.repository_path
    place = target / jar.file_name
    try:
        if sha256_of(shared) == jar.sha256:
            _copy_atomically(shared, place)
            return
        fetched = _download(jar, staging, progress)
        seen = sha256_of(fetched)
        if seen != jar.sha256:
            fetched.unlink()
            raise StackError(_wrong_sum(jar, str(seen)))
        # Sharing is a convenience: a home that cannot be written costs only the next clone's time.
        with suppress(OSError):
            _copy_atomically(fetched, shared)
        fetched.replace(place)
    except (OSError, RuntimeError) as failed:
        raise StackError(f"{jar.file_name} cannot be fetched; check the network and run again: {failed}") from None


def _download(jar: LockedJar, staging: Path, progress: Progress) -> Path:
    """Download one jar below `staging`, trying again after failures of the network."""
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415 - as in _fetch_one

    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(multiplier=0.5, max=5),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    for attempt in retrying:
        with attempt:
            # A folder of its own for each attempt: jgo takes what a broken one left behind for the jar.
            context = MavenContext(
                resolver=PythonResolver(progress_callback=partial(_shown_download, progress)),
                repo_cache=Path(tempfile.mkdtemp(dir=staging)),
                timeout=RESPONSE_TIMEOUT_S,
            )
            fetched = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    return Path(fetched)


def _may_pass(failure: BaseException) -> bool:
    return isinstance(failure, OSError) and failure.errno not in {errno.ENOSPC, errno.EACCES, errno.EROFS}


@contextmanager
def _shown_download(progress: Progress, file_name: str, size: int) -> Iterator[Callable[[int], None]]:
    task = progress.add_task(file_name, total=size)
    try:
        yield partial(progress.advance, task)
    finally:
        progress.remove_task(task)


def _copy_atomically(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
    os.close(handle)
    half = Path(name)
    try:
        shutil.copyfile(source, half)
        half.chmod(0o644)
        half.replace(place)
    finally:
        half.unlink(missing_ok=True)


def main() -> int:
    """Run the command line; returns the exit status: 0 done, 1 with one sentence on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m flink.jars", description="Fetch and check the jars of a lock file."
    )
    parser.add_argument("lock_file", type=Path, help="TOML with [[jar]] group, artifact, version, sha256")
    parser.add_argument("target", type=Path, help="folder the jars are put into")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    try:
        fetch_jars(arguments.lock_file, arguments.target, console=console)
    except StackError as failed:
        console.print(str(failed), style="red", soft_wrap=True, highlight=False, markup=False)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
