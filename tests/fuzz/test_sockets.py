"""A whole engine over real sockets: whatever a stranger sends, nothing breaks, nothing leaks and nobody else waits.

Every case is drawn from the seed, the entry and its number, so one can be run again by itself. ``make test`` takes a
short look; ``make fuzz`` a long one (``--fuzz-seed``, ``--fuzz-seconds`` for each entry, ``--fuzz-case ENTRY:NUMBER``).
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest
import pytest_asyncio

from tests.fuzz.chance import Chance
from tests.fuzz.entries.http_requests import HttpRequests
from tests.fuzz.entries.management import Management
from tests.fuzz.entries.peers import Peers
from tests.fuzz.entries.socket_messages import SocketMessages
from tests.fuzz.entries.sound import Sound
from tests.fuzz.stage import Census, Fault, Stage, stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORT_S, LONG_S = 1.2, 60.0
"""For each entry, in ``make test`` and in ``make fuzz``."""

PROMISED_S, TOLERATED_S = 0.25, 2.5
"""The longest wait of everybody else: what is promised, which ``make fuzz`` checks, and what ``make test`` allows on a
machine that may be busy with other things."""

CASE_S = 150.0
SETTLE_S = 30.0
MAX_FAULTS = 10


def is_long_run() -> bool:
    """Whether this is ``make fuzz``."""
    return os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"


class Entry(Protocol):
    """One way into the engine."""

    name: str
    side_by_side: int
    """Cases that may run at once."""

    async def case(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        """Send something. What was sent is noted in ``sent``.

        Raises:
            Fault: the answer is one that must not be.
        """

    async def close(self, stage: Stage) -> None:
        """Undo what later cases would have needed."""


ENTRIES: tuple[type[Entry], ...] = (HttpRequests, SocketMessages, Sound, Peers, Management)


@dataclass
class Run:
    """The cases of one entry."""

    stage: Stage
    entry: Entry
    faults: list[str] = field(default_factory=list)
    begun: list[tuple[float, int]] = field(default_factory=list)
    """When each case began (time.monotonic), and its number."""
    running: set[int] = field(default_factory=set)

    def note(self, number: int, what: object, sent: list[str]) -> None:
        """A fault, with what is needed to see it again."""
        again = f'make fuzz ARGS="-k sockets --fuzz-seed {self.stage.seed} --fuzz-case {self.entry.name}:{number}"'
        story = "\n".join(f"    sent {each[:2000]}" for each in sent[-40:])
        self.faults.append(f"{what}\n  case {number}, again with: {again}\n{story}")

    async def one(self, number: int) -> None:
        """Run a case and look at what became of it."""
        sent: list[str] = []
        self.begun.append((time.monotonic(), number))
        self.running.add(number)
        try:
            async with asyncio.timeout(CASE_S):
                await self.entry.case(self.stage, Chance(f"{self.stage.seed}/{self.entry.name}/{number}"), sent)
            self.stage.check_log()
        except Fault as fault:
            beside = f" (beside cases {sorted(self.running - {number})})" if len(self.running) > 1 else ""
            self.note(number, f"{fault}{beside}", sent)
        except Exception as error:  # noqa: BLE001 - a case that cannot be finished is one to look at, too
            self.note(number, repr(error), sent)
        finally:
            self.running.discard(number)
        self.stage.check_alive()

    async def many(self, seconds: float, first: int = 0) -> int:
        """Run cases for some time; gives the number of the next one."""
        until = time.monotonic() + seconds
        numbers = itertools.count(first)

        async def work() -> None:
            while time.monotonic() < until and len(self.faults) < MAX_FAULTS:
                await self.one(next(numbers))

        async with asyncio.TaskGroup() as group:
            for _ in range(self.entry.side_by_side):
                group.create_task(work())
        return next(numbers)

    def cases_at(self, when: float) -> list[int]:
        """The numbers of the cases that ran at a time, or just before it."""
        before = [number for began, number in self.begun if began <= when]
        after = [number for began, number in self.begun if when < began <= when + 1]
        return before[-3:] + after[:2]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fuzzed(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with stage(request.config.getoption("fuzz_seed"), tmp_path_factory.mktemp("fuzzed")) as running:
        yield running


@pytest.fixture(autouse=True)
def no_leaked_threads_or_sockets() -> None:
    """The engine is another process; connections to it are kept between tests."""


@pytest.mark.parametrize("make", ENTRIES, ids=lambda make: make.name)
async def test_nothing_breaks_leaks_or_holds_others_up(
    fuzzed: Stage, make: type[Entry], request: pytest.FixtureRequest
) -> None:
    run = Run(fuzzed, make())
    only: str | None = request.config.getoption("fuzz_case")
    if only is not None:
        if only.split(":")[0] != run.entry.name:
            pytest.skip("another entry is asked for")
        await run.one(int(only.split(":")[1]))
        await run.entry.close(fuzzed)
        assert not run.faults, "\n\n".join(run.faults)
        return
    seconds = request.config.getoption("fuzz_seconds") or (LONG_S if is_long_run() else SHORT_S)
    async with witness(run):
        following = await run.many(seconds * 0.2)  # pools, caches and encoders reach their size
        before = await settled(run, None)
        following = await run.many(seconds * 0.8, following)
        await run.entry.close(fuzzed)
        after = await settled(run, before)
    print(f"{run.entry.name}: {following} cases; before {before}, after {after}")
    compare(run, before, after)
    assert not run.faults, f"{len(run.faults)} faults\n\n" + "\n\n".join(run.faults)


async def settled(run: Run, before: Census | None) -> Census:
    """The census once what was begun has ended, or ``SETTLE_S`` later."""
    until = time.monotonic() + SETTLE_S
    kept = 1 if before is None else 0  # the entry's own session
    tasks = 10**6
    while True:
        now = await run.stage.census()
        goal = tasks if before is None else before.tasks
        if (now.sessions <= kept and now.tasks <= goal + 2 and not run.stage.stray_files()) or time.monotonic() > until:
            return now
        tasks = min(tasks, now.tasks)
        await asyncio.sleep(0.3)


def compare(run: Run, before: Census, after: Census) -> None:
    """Note what was left behind."""
    last = len(run.begun) - 1
    if after.sessions > 0:
        run.note(last, f"{after.sessions} sessions were left behind", [])
    # Connections that are kept open have a task each; pools may grow by one or two.
    if after.tasks > before.tasks + 6:
        run.note(last, f"tasks grew from {before.tasks} to {after.tasks}", [])
    if after.threads > before.threads + 12:
        run.note(last, f"threads grew from {before.threads} to {after.threads}", [])
    if after.files > before.files + 16:
        run.note(last, f"open files grew from {before.files} to {after.files}", [])
    if after.children > before.children + 1:
        run.note(last, f"child processes grew from {before.children} to {after.children}", [])
    if after.memory_mb > before.memory_mb + 250:
        run.note(last, f"memory grew from {before.memory_mb:.0f} to {after.memory_mb:.0f} MB", [])
    if stray := run.stage.stray_files():
        run.note(last, f"files were left behind: {stray[:10]}", [])
    try:
        run.stage.check_log()
    except Fault as fault:
        run.note(last, fault, [])


@asynccontextmanager
async def witness(run: Run) -> AsyncIterator[None]:
    """A student beside it all; notes each time they waited for longer than promised."""
    async with run.stage.session() as session:
        path = "/" + session["engine_url"].split("/", 3)[3] + f"?token={session['engine_token']}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("witness.py")), str(run.stage.port), path,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            assert await process.stdout.readline() == b"begun\n"
            yield
            process.stdin.close()
            async with asyncio.timeout(90):
                waited = json.loads(await process.stdout.read())
        finally:
            if process.returncode is None and process.stdout.at_eof() is False:
                process.terminate()
            await process.wait()
    judge(run, waited)


def judge(run: Run, waited: dict[str, list[tuple[float, float]]]) -> None:
    """Compare what the engine took to answer with what the machine did at that time."""
    machine = waited.pop("machine")
    longest_wait_s = PROMISED_S if is_long_run() else TOLERATED_S
    for kind, asked in waited.items():
        worst = sorted((seconds for _, seconds in asked), reverse=True)
        median, late = worst[len(worst) // 2], max(seconds for _, seconds in machine)
        print(
            f"witness beside {run.entry.name}, {kind}: {len(asked)} answers, median {median * 1000:.1f} ms, "
            f"worst {worst[0] * 1000:.0f} ms; the machine's worst {late * 1000:.0f} ms"
        )
        for began, seconds in asked:
            held_up = max((s for at, s in machine if began - 0.2 <= at + s and at <= began + seconds), default=0.0)
            if seconds - held_up > longest_wait_s:
                cases = run.cases_at(began)
                run.note(cases[-1] if cases else 0, f"{kind} waited {seconds * 1000:.0f} ms beside cases {cases}", [])
