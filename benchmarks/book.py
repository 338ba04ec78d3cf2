"""From frame bytes to a published top 20: this project beside its peers, on the same recordings, in the same run.

`python -m benchmarks.book [--recordings FOLDER] [--rounds 7] [--peers NAMES] [--environments FOLDER]` in the
repository. Each contender runs in a process of its own, each peer in an environment of its own that is made from the
pinned requirements beside its runner in `benchmarks/peers`. Rounds are interleaved; figures are medians of CPU time.
What each publishes is compared with an independent rebuild, on the whole recording and after one lost diff. No peer
publishes depth within bands or sweep costs: this project is measured without them beside its peers, and with them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks.peers.tapes import lossy_tape, record_tape

REPOSITORY: Final = Path(__file__).resolve().parents[1]
PEERS: Final = Path(__file__).with_name("peers")
RECORDINGS_FOLDER: Final = (
    Path(os.environ.get("ORDERBOOK_RECORDINGS", REPOSITORY.parent / "shared" / "data")) / "binance_captures"
)
RECORDINGS: Final = {
    symbol: tuple(f"hftbacktest/spot_{symbol.lower()}_{day}.jsonl.gz" for day in ("20240808", "20240809"))
    for symbol in ("BTCUSDT", "ETHUSDT")
}
OURS: Final = "ours"
OURS_WITH_DEPTH: Final = "ours, with depth and sweeps"
BASELINE: Final = "SortedDict + orjson"


@dataclass(frozen=True, slots=True)
class Project:
    """A contender: its runner's module in `benchmarks.peers`, its distribution where it has one, its oldest Python."""

    name: str
    runner: str
    distribution: str | None = None
    oldest_python: tuple[int, int] = (3, 11)


PROJECTS: Final = (
    Project(OURS, "ours"),
    Project(OURS_WITH_DEPTH, "ours_with_depth"),
    Project(BASELINE, "sorted_dict"),
    Project("cryptofeed", "cryptofeed_feed", "cryptofeed", (3, 13)),
    Project("ccxt pro", "ccxt_pro", "ccxt"),
    Project("python-binance", "python_binance_cache", "python-binance"),
    Project("unicorn-binance-local-depth-cache", "unicorn_cache", "unicorn-binance-local-depth-cache"),
)


@dataclass(slots=True)
class Outcome:
    """What one contender did. `wrong`: tops that differ from the truth; `lost`: what it did after the lost diff."""

    version: str = ""
    event_us: list[float] = field(default_factory=list)
    publications: int = 0
    wrong: int = 0
    lost: str = ""

    @property
    def median_us(self) -> float:
        """CPU microseconds an event."""
        return statistics.median(self.event_us)


class Worker:
    """A contender's process. Raises RuntimeError when it ends by itself."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self._process = process
        self._name = name

    def ask(self, do: str, tapes: Sequence[Path]) -> Any:  # noqa: ANN401 - JSON; contending.py says what is in it
        """Give a command and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, "tapes": [str(tape) for tape in tapes]}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the runner of {self._name} ended: see what it wrote above")
        return json.loads(answer)


def main() -> None:
    """Measure and print a table."""
    names = [project.name for project in PROJECTS if project.distribution]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=Path, default=RECORDINGS_FOLDER)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peers", default=",".join(names), help="comma-separated; empty for none")
    parser.add_argument("--environments", type=Path, default=REPOSITORY / ".orderbook" / "benchmarks")
    parser.add_argument("--peer-python", default="python3.13", help="the peers' Python, where it can be had")
    options = parser.parse_args()
    asked = [name.strip() for name in options.peers.split(",") if name.strip()]
    if unknown := set(asked) - set(names):
        parser.error(f"no runner for {', '.join(sorted(unknown))}: there are {', '.join(names)}")
    console = Console(width=None if sys.stdout.isatty() else 200)
    with tempfile.TemporaryDirectory(prefix="orderbook-book-") as folder, ExitStack() as running:
        recordings = {symbol: [options.recordings / file for file in files] for symbol, files in RECORDINGS.items()}
        recorded = [record_tape(symbol, files, Path(folder)) for symbol, files in recordings.items()]
        lossy = [lossy_tape(symbol, files, Path(folder)) for symbol, files in recordings.items()]
        workers: dict[str, Worker] = {}
        outcomes: dict[str, Outcome] = {}
        for project in PROJECTS:
            if project.distribution is not None and project.name not in asked:
                continue
            try:
                python = environment(project, options.environments, options.peer_python)
            except RuntimeError as impossible:
                console.print(f"{project.name} is not measured: {impossible}")
                continue
            workers[project.name] = running.enter_context(worker(project, python))
            outcomes[project.name] = Outcome(version(project, python))
        for name, runner in workers.items():
            follow(runner, outcomes[name], recorded, lossy)
        for _ in range(options.rounds):
            for name, runner in workers.items():
                measured = runner.ask("measure", [tape for tape, _ in recorded])
                outcomes[name].event_us.append(1e6 * measured["cpu_s"] / measured["diffs"])
                outcomes[name].publications = measured["publications"]
        show(console, outcomes, diffs=sum(len(truth) for _, truth in recorded), rounds=options.rounds)


def environment(project: Project, folder: Path, peer_python: str) -> Path:
    """The Python that runs a contender; a peer's environment is made when it is absent or its requirements changed.

    Raises RuntimeError with one sentence when that cannot be done.
    """
    if project.distribution is None:
        return Path(sys.executable)
    base = peer_python if _version_of(peer_python) >= project.oldest_python else sys.executable
    if _version_of(base) < project.oldest_python:
        needed = ".".join(map(str, project.oldest_python))
        raise RuntimeError(f"it needs Python {needed} or newer: name one with --peer-python")
    requirements = PEERS / f"{project.runner}.txt"
    home = folder / project.runner
    made_from = home / "made-from"
    wanted = f"{base} {hashlib.sha256(requirements.read_bytes()).hexdigest()}"
    python = home / "bin" / "python"
    if python.exists() and made_from.exists() and made_from.read_text() == wanted:
        return python
    shutil.rmtree(home, ignore_errors=True)
    commands = (
        [base, "-m", "venv", str(home)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"`{' '.join(command)}` failed: {done.stderr.strip().splitlines()[-1:]}")
    made_from.write_text(wanted)
    return python


def _version_of(python: str) -> tuple[int, int]:
    """Major and minor version of an interpreter; (0, 0) where there is none."""
    found = shutil.which(python)
    if found is None:
        return (0, 0)
    asked = subprocess.run(
        [found, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    if asked.returncode:
        return (0, 0)
    major, minor = asked.stdout.split()
    return int(major), int(minor)


def version(project: Project, python: Path) -> str:
    """The version that is measured, and of which Python."""
    name = f"importlib.metadata.version({project.distribution!r})" if project.distribution else "''"
    code = f"import importlib.metadata, platform; print({name}, 'on', platform.python_version())"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def worker(project: Project, python: Path) -> Iterator[Worker]:
    """A contender's process for the length of the block."""
    with subprocess.Popen(
        [str(python), "-m", f"benchmarks.peers.{project.runner}"],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
    ) as process:
        yield Worker(process, project.name)
        assert process.stdin is not None
        process.stdin.close()


def follow(
    runner: Worker, outcome: Outcome, recorded: list[tuple[Path, list[int]]], lossy: list[tuple[Path, list[int]]]
) -> None:
    """Compare what a contender publishes with the truth, without and with a lost diff."""
    followed = runner.ask("follow", [tape for tape, _ in recorded])
    for published, (_, truth) in zip(followed["tops"], recorded, strict=True):
        outcome.wrong += sum(top not in {None, true} for top, true in zip(published, truth, strict=True))
    followed = runner.ask("follow", [tape for tape, _ in lossy])
    withheld, wrong, still = [], [], False
    for published, (_, truth) in zip(followed["tops"], lossy, strict=True):
        after = list(zip(published[-len(truth) :], truth, strict=True))
        withheld.append(sum(top is None for top, _ in after))
        wrong.append(sum(top not in {None, true} for top, true in after))
        still = still or after[-1][0] != after[-1][1]
    outcome.lost = f"withheld {withheld}, wrong {wrong} of {len(after)}"
    outcome.lost += f", {followed['refused']} errors" if followed["refused"] else ""
    outcome.lost += ", not right again" if still else ""


def show(console: Console, outcomes: dict[str, Outcome], *, diffs: int, rounds: int) -> None:
    """Print the table and the two ratios that count."""
    baseline = outcomes[BASELINE].median_us
    table = Table(title=f"{diffs} diffs, {rounds} interleaved rounds, CPU time", title_justify="left")
    for column in ("contender", "version", "µs an event", "events/s/core", "to baseline", "published", "wrong"):
        table.add_column(column, justify="left" if column in {"contender", "version"} else "right")
    table.add_column("after one lost diff, BTC and ETH")
    for name, outcome in outcomes.items():
        spread = f"{outcome.median_us:.1f} ({min(outcome.event_us):.1f}-{max(outcome.event_us):.1f})"
        table.add_row(
            name,
            outcome.version,
            spread,
            f"{1e6 / outcome.median_us:,.0f}",
            f"{baseline / outcome.median_us:.2f}",
            str(outcome.publications),
            str(outcome.wrong),
            outcome.lost,
        )
    console.print(table)
    ours = outcomes[OURS]
    for name in (OURS, OURS_WITH_DEPTH):
        console.print(f"{name} to {BASELINE}: {paired(outcomes[BASELINE], outcomes[name]):.2f}")
    peers = {name: outcome for name, outcome in outcomes.items() if name not in {OURS, OURS_WITH_DEPTH, BASELINE}}
    if peers:
        fastest = min(peers, key=lambda name: peers[name].median_us)
        console.print(f"{OURS} to the fastest peer, {fastest}: {paired(peers[fastest], ours):.2f}")


def paired(other: Outcome, ours: Outcome) -> float:
    """How many times as fast we are: the median over the rounds, each of which saw the same load."""
    return statistics.median(theirs / mine for theirs, mine in zip(other.event_us, ours.event_us, strict=True))


if __name__ == "__main__":
    main()
