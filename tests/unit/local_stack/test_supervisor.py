from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local_stack.supervisor import Phase, RestartPolicy, Step, Supervisor
from orderbook.errors import StackError
from tests.unit.local_stack.stand_ins import (
    DEAF,
    NEVER_READY,
    SLEEPER,
    WITH_CHILD,
    RememberingReporter,
    StandIn,
    alive,
    journal,
    noted,
    stand_in_program,
    until,
)

SWIFT = RestartPolicy(crashes=3, within_s=60, first_pause_s=0.01, longest_pause_s=0.05)


@asynccontextmanager
async def supervising(policy: RestartPolicy = SWIFT) -> AsyncIterator[tuple[Supervisor, RememberingReporter]]:
    reporter = RememberingReporter()
    supervisor = Supervisor(reporter, policy=policy)
    try:
        yield supervisor, reporter
    finally:
        supervisor.kill()
        await supervisor.stop(budget_s=1)


def phase_of(supervisor: Supervisor, name: str) -> Phase:
    return next(unit.phase for unit in supervisor.states() if unit.name == name)


def pid_of(supervisor: Supervisor, name: str) -> int:
    pid = next(unit.pid for unit in supervisor.states() if unit.name == name)
    assert pid is not None
    return pid


def test_a_service_starts_only_when_what_it_needs_is_ready(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(StandIn("base", tmp_path, "time.sleep(0.3); be_ready(); serve()"))
            supervisor.add(Step("tables", stand_in_program("tables", tmp_path, "note('ended')")), after=["base"])
            supervisor.add(StandIn("user", tmp_path), after=["tables"])
            await supervisor.until_up()

    asyncio.run(run())
    happened = [(line.word, line.name) for line in journal(tmp_path)][:6]
    assert happened == [
        ("started", "base"),
        ("ready", "base"),
        ("started", "tables"),
        ("ended", "tables"),
        ("started", "user"),
        ("ready", "user"),
    ]


def test_independent_services_start_side_by_side(tmp_path: Path) -> None:
    # Each becomes ready only after the other has started: one after the other, neither ever would.
    code = "\nwhile not os.path.exists({!r}): time.sleep(0.01)\nbe_ready(); serve()"
    first, second = str(tmp_path / "first"), str(tmp_path / "second")

    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(StandIn("one", tmp_path, f"open({first!r}, 'w').close()" + code.format(second)))
            supervisor.add(StandIn("two", tmp_path, f"open({second!r}, 'w').close()" + code.format(first)))
            await supervisor.until_up()

    asyncio.run(run())


def test_a_step_hands_back_its_last_lines(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with supervising() as (supervisor, _):
            supervisor.add(Step("feed", stand_in_program("feed", tmp_path, "print('first'); print('{}')")))
            return await supervisor.outcome("feed")

    assert asyncio.run(run()) == ["first", "{}"]


def test_a_failed_step_is_told_in_its_own_last_words_and_what_needs_it_never_starts(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, reporter):
            program = stand_in_program("tables", tmp_path, "print('table is in the way'); sys.exit(1)")
            supervisor.add(Step("tables", program))
            supervisor.add(StandIn("user", tmp_path), after=["tables"])
            with pytest.raises(StackError, match=r"^table is in the way$"):
                await supervisor.until_up()
            assert phase_of(supervisor, "tables") is Phase.FAILED
            assert reporter.states == [("tables", "table is in the way", "bad")]

    asyncio.run(run())
    assert noted(tmp_path, "started", "user") == []


def test_a_step_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(Step("slow", stand_in_program("slow", tmp_path, "serve()"), timeout_s=0.5))
            with pytest.raises(StackError, match="was not done within"):
                await supervisor.outcome("slow")

    asyncio.run(run())
    assert not any(alive(pid) for pid in noted(tmp_path, "started", "slow"))


def test_a_killed_service_comes_back_and_those_that_need_it_are_left_alone(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, reporter):
            supervisor.add(StandIn("base", tmp_path))
            supervisor.add(StandIn("user", tmp_path), after=["base"])
            await supervisor.until_up()
            killed, user = pid_of(supervisor, "base"), pid_of(supervisor, "user")
            os.kill(killed, signal.SIGKILL)
            await until(lambda: len(noted(tmp_path, "ready", "base")) == 2)
            await until(lambda: phase_of(supervisor, "base") is Phase.RUNNING)
            assert pid_of(supervisor, "base") == noted(tmp_path, "started", "base")[1] != killed
            assert pid_of(supervisor, "user") == user
            assert [unit.restarts for unit in supervisor.states()] == [1, 0]
            assert reporter.texts("base")[1] == "ended with SIGKILL; restart in 0.01 s (crash 1 of 3)"
            assert re.fullmatch(r"ready in \d+\.\d s, restart 1", reporter.texts("base")[2])

    asyncio.run(run())


def test_a_service_waits_for_what_it_needs_before_it_comes_back(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    slow_return = f"\nwhile os.path.exists({str(gate)!r}): time.sleep(0.01)\nbe_ready(); serve()"

    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(StandIn("base", tmp_path, slow_return))
            supervisor.add(StandIn("user", tmp_path), after=["base"])
            await supervisor.until_up()
            gate.touch()
            os.kill(pid_of(supervisor, "base"), signal.SIGKILL)
            await until(lambda: len(noted(tmp_path, "started", "base")) == 2)
            os.kill(pid_of(supervisor, "user"), signal.SIGKILL)
            await until(lambda: phase_of(supervisor, "user") is Phase.WAITING)
            gate.unlink()
            await until(lambda: len(noted(tmp_path, "ready", "user")) == 2)

    asyncio.run(run())
    happened = [(line.word, line.name) for line in journal(tmp_path)]
    assert happened[-3:] == [("ready", "base"), ("started", "user"), ("ready", "user")]


def test_a_service_that_always_crashes_is_given_up_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, reporter):
            supervisor.add(StandIn("sound", tmp_path))
            supervisor.add(StandIn("broken", tmp_path, "print('no such file'); sys.exit(3)"))
            with pytest.raises(StackError, match=r"^broken ended with status 3 before it was ready; given up after 3"):
                await supervisor.until_up()
            assert phase_of(supervisor, "broken") is Phase.FAILED
            assert reporter.texts("broken").count("no such file") == 3  # its last words stand beside each crash
            await supervisor.outcome("sound")
            assert alive(pid_of(supervisor, "sound"))

    asyncio.run(run())
    assert len(noted(tmp_path, "started", "broken")) == 3


def test_crashes_further_apart_than_the_policy_says_never_lead_to_giving_up(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising(RestartPolicy(2, within_s=0.0, first_pause_s=0.01)) as (supervisor, _):
            supervisor.add(StandIn("broken", tmp_path, "sys.exit(3)"))
            await until(lambda: len(noted(tmp_path, "started", "broken")) >= 5)

    asyncio.run(run())


def test_the_pauses_double_up_to_the_longest() -> None:
    policy = RestartPolicy(first_pause_s=0.5, longest_pause_s=8)
    assert [policy.pause_s(crashes) for crashes in range(1, 7)] == [0.5, 1, 2, 4, 8, 8]


def test_a_service_that_is_not_ready_in_time_is_ended_and_tried_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, reporter):
            supervisor.add(StandIn("slow", tmp_path, NEVER_READY, ready_timeout_s=3.0))
            with pytest.raises(StackError, match="was not ready within 3 s; given up"):
                await supervisor.outcome("slow")
            assert "was not ready within 3 s" in reporter.texts("slow")[0]

    asyncio.run(run())
    started = noted(tmp_path, "started", "slow")
    assert len(started) == 3
    assert not any(alive(pid) for pid in started)


@pytest.mark.parametrize(("status", "starts"), [(0, 1), (1, 3)])
def test_an_end_is_a_crash_unless_ending_well_was_the_purpose(tmp_path: Path, status: int, starts: int) -> None:
    async def run() -> Phase:
        async with supervising() as (supervisor, _):
            code = f"be_ready()\nwhile os.path.exists(ready): time.sleep(0.01)\nsys.exit({status})"
            supervisor.add(StandIn("player", tmp_path, code, ends_by_itself=True))
            for start in range(starts):
                await until(lambda start=start: len(noted(tmp_path, "ready", "player")) == start + 1)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                await until(lambda: phase_of(supervisor, "player") is Phase.RUNNING)
                (tmp_path / "player.ready").unlink()
            await until(lambda: phase_of(supervisor, "player") in {Phase.DONE, Phase.FAILED})
            return phase_of(supervisor, "player")

    assert asyncio.run(run()) is (Phase.DONE if status == 0 else Phase.FAILED)
    assert len(noted(tmp_path, "started", "player")) == starts


def test_a_server_that_ends_with_status_0_has_crashed_all_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(StandIn("server", tmp_path))
            await supervisor.until_up()
            os.kill(pid_of(supervisor, "server"), signal.SIGTERM)
            await until(lambda: len(noted(tmp_path, "ready", "server")) == 2)

    asyncio.run(run())


def test_whoever_needs_a_service_is_stopped_before_it(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, reporter):
            supervisor.add(StandIn("base", tmp_path))
            supervisor.add(Step("tables", stand_in_program("tables", tmp_path, "")), after=["base"])
            # Slow to end, so that a supervisor that stops all at once would stop `base` first.
            slow = "signal.signal(signal.SIGTERM, lambda n, f: (time.sleep(0.5), leave(n, f))); be_ready(); serve()"
            supervisor.add(StandIn("user", tmp_path, slow), after=["tables"])
            await supervisor.until_up()
            await supervisor.stop()
            assert [name for name, text, _ in reporter.states if text == "stopped"] == ["user", "base"]
            phases = {unit.name: unit.phase for unit in supervisor.states()}
            assert phases == {"base": Phase.STOPPED, "tables": Phase.DONE, "user": Phase.STOPPED}

    asyncio.run(run())
    got = [line.name for line in journal(tmp_path) if line.word == "got_SIGTERM"]
    assert got == ["user", "base"]


def test_a_service_that_does_not_end_is_killed_and_that_is_said(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, reporter):
            supervisor.add(StandIn("deaf", tmp_path, DEAF, stop_timeout_s=0.3))
            await supervisor.until_up()
            pid = pid_of(supervisor, "deaf")
            await supervisor.stop()
            assert not alive(pid)
            assert reporter.texts("deaf")[-2:] == ["did not end within 0 s of SIGTERM; killed", "stopped"]

    asyncio.run(run())


def test_the_budget_of_a_stop_cuts_the_time_of_each_service_short(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, reporter):
            supervisor.add(StandIn("deaf_base", tmp_path, DEAF, stop_timeout_s=600))
            supervisor.add(StandIn("deaf_user", tmp_path, DEAF, stop_timeout_s=600), after=["deaf_base"])
            await supervisor.until_up()
            async with asyncio.timeout(60):
                await supervisor.stop(budget_s=0.5)
            assert "killed" in reporter.texts("deaf_base")[-2]
            assert "killed" in reporter.texts("deaf_user")[-2]

    asyncio.run(run())


def test_each_service_gets_the_stop_signal_it_wants(tmp_path: Path) -> None:
    code = "signal.signal(signal.SIGINT, leave); be_ready(); serve()"

    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(StandIn("postgres", tmp_path, code, stop_signal=signal.SIGINT))
            supervisor.add(StandIn("kafka", tmp_path))
            await supervisor.until_up()
            await supervisor.stop()

    asyncio.run(run())
    assert {(line.word, line.name) for line in journal(tmp_path) if line.word.startswith("got_")} == {
        ("got_SIGINT", "postgres"),
        ("got_SIGTERM", "kafka"),
    }


@pytest.mark.parametrize("group", [True, False])
def test_the_stop_signal_reaches_the_children_only_where_the_group_is_wanted(tmp_path: Path, *, group: bool) -> None:
    # The child gives the parent's name another ending in the journal; both share the handler that writes there.
    code = (
        "\nif os.fork() == 0:\n    name += '_child'\n    be_ready()\n    serve()\n"
        "signal.signal(signal.SIGTERM, lambda n, f: (time.sleep(0.3), leave(n, f)))\nserve()"
    )

    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(StandIn("job", tmp_path, code, stop_group=group))
            await supervisor.until_up()
            await supervisor.stop()

    asyncio.run(run())
    got = {line.name for line in journal(tmp_path) if line.word == "got_SIGTERM"}
    assert got == ({"job", "job_child"} if group else {"job"})


def test_what_a_crashed_service_left_behind_is_gone_before_it_comes_back(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(
                StandIn(
                    "job",
                    tmp_path,
                    f"note('child', subprocess.Popen({SLEEPER}).pid)\n"
                    "earlier = [int(l.split()[2]) for l in open(journal) if l.startswith('child')][:-1]\n"
                    "note('earlier_children_alive', sum(map(runs, earlier))); be_ready(); serve()",
                )
            )
            await supervisor.until_up()
            os.kill(pid_of(supervisor, "job"), signal.SIGKILL)
            await until(lambda: len(noted(tmp_path, "ready", "job")) == 2)

    asyncio.run(run())
    assert noted(tmp_path, "earlier_children_alive", "job") == [0, 0]


def test_a_stop_ends_the_children_of_a_service_too(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(StandIn("job", tmp_path, WITH_CHILD))
            await supervisor.until_up()
            [child] = noted(tmp_path, "child", "job")
            assert alive(child)
            await supervisor.stop()
            assert not alive(child)

    asyncio.run(run())


def test_a_stop_in_the_middle_of_a_start_leaves_nothing_running(tmp_path: Path) -> None:
    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(StandIn("slow", tmp_path, NEVER_READY))
            supervisor.add(StandIn("user", tmp_path), after=["slow"])
            supervisor.add(Step("endless", stand_in_program("endless", tmp_path, "serve()")))
            supervisor.add(StandIn("crashing", tmp_path, "sys.exit(3)"))
            await until(lambda: len({line.name for line in journal(tmp_path)}) == 3)
            await supervisor.stop()
            assert {unit.pid for unit in supervisor.states()} == {None}

    asyncio.run(run())
    assert not any(alive(line.pid) for line in journal(tmp_path))
    assert noted(tmp_path, "started", "user") == []


def test_a_stop_at_any_moment_of_a_spawn_loses_no_process(tmp_path: Path) -> None:
    async def run(yields: int) -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(StandIn("service", tmp_path))
            for _ in range(yields):
                await asyncio.sleep(0)
            await supervisor.stop()

    for yields in range(12):
        asyncio.run(run(yields))
    assert not any(alive(line.pid) for line in journal(tmp_path))


def test_every_line_is_passed_on_whatever_its_bytes_and_length(tmp_path: Path) -> None:
    code = (
        "sys.stdout.buffer.write(b'caf\\xc3\\xa9\\n\\xff\\n'); sys.stdout.flush()\n"
        "print('to stderr', file=sys.stderr); print('x' * 50_000); sys.stdout.write('unended'); sys.stdout.flush()"
    )

    async def run() -> list[str]:
        async with supervising() as (supervisor, reporter):
            supervisor.add(Step("talker", stand_in_program("talker", tmp_path, code)))
            await supervisor.outcome("talker")
            return [line for _, line in reporter.outputs]

    lines = asyncio.run(run())
    assert lines[:3] == ["caf\u00e9", "\ufffd", "to stderr"]
    assert "".join(lines[3:]) == "x" * 50_000 + "unended"


def test_a_program_that_does_not_exist_fails_with_its_name(tmp_path: Path) -> None:
    from local_stack.process import Program  # noqa: PLC0415

    async def run() -> None:
        async with supervising() as (supervisor, _):
            supervisor.add(Step("missing", Program((str(tmp_path / "nothing"),))))
            with pytest.raises(StackError, match="nothing cannot be started: No such file"):
                await supervisor.outcome("missing")

    asyncio.run(run())
