"""The engine that is fuzzed, as a process of its own, with what is looked at: its log, memory, tasks and files."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from tests.fuzz.chance import Chance
from tests.llm.misbehaving_llm import MisbehavingServer, answers, says, sends

ROOT = Path(__file__).parents[2]
START_S = 120

KEY = "key-of-the-fuzzed-engine"

LASTING_FILES = {".ses"}
"""onnxruntime's, one for all processes."""

REPLIES = (
    "All is well.", "Hello " + "-" * 1150 + " world.", "$\\frac{1}{2}$ and $$x^2$$", "<think>hm</think>Yes.",
    "你好。Hello.", "1. One\n2. Two\n\n| a | b |\n|---|---|\n| 1 | 2 |", "**Bold** `code` *smiles* [[1, 2]]",
    "Mr. " * 200, "…", "😀" * 40,
)  # fmt: skip
"""What the language model says."""


class Fault(AssertionError):
    """The engine did what it must not."""


@dataclass(frozen=True)
class Census:
    """What the engine has at one moment."""

    memory_mb: float
    threads: int
    files: int
    children: int
    tasks: int
    sessions: int
    """Without the witness's own."""


@dataclass
class Stage:
    """A running engine and a client of it."""

    seed: int
    port: int
    key: str | None
    folder: Path
    http: aiohttp.ClientSession
    process: psutil.Process
    _log: Path = field(repr=False)
    _read: int = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """Of who manages the engine."""
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}

    async def create(self, **more: Any) -> dict[str, Any]:
        """A session."""
        body = {"tutor_id": 1, "student_id": 1, **more}
        async with self.http.post(f"{self.base}/v1/sessions", json=body, headers=self.headers) as reply:
            made: dict[str, Any] = await reply.json()
            if reply.status != 200:
                raise Fault(f"no session: {reply.status} {made}")
            return made

    async def end(self, session: dict[str, Any]) -> None:
        """End it; it may have ended by itself."""
        url = f"{self.base}/v1/sessions/{session['session_id']}"
        async with self.http.delete(url, headers=self.headers) as reply:
            if reply.status not in (204, 404):
                raise Fault(f"a session could not be ended: {reply.status} {await reply.text()}")

    @asynccontextmanager
    async def session(self, **more: Any) -> AsyncIterator[dict[str, Any]]:
        """A session that is ended afterwards."""
        made = await self.create(**more)
        try:
            yield made
        finally:
            await self.end(made)

    def check_log(self) -> None:
        """Fail on what was logged since the last look: exceptions, errors, complaints of libraries."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            new = file.read()
        whole = new.rfind(b"\n") + 1
        self._read += whole
        bad = [line for line in new[:whole].decode(errors="replace").splitlines() if _is_fault(line)]
        if bad:
            raise Fault("the log tells of a fault:\n" + "\n".join(line[-3000:] for line in bad[:5]))

    def check_alive(self) -> None:
        """Fail when the engine's process has ended."""
        if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
            raise Fault("the engine has ended")

    async def census(self) -> Census:
        async with self.http.get(f"{self.base}/metrics", headers=self.headers) as reply:
            text = await reply.text()

        def metric(name: str) -> int:
            found = re.search(rf"^{name} (\S+)", text, re.MULTILINE)
            assert found is not None, name
            return int(float(found[1]))

        process = self.process
        return Census(
            process.memory_info().rss / 1e6,
            process.num_threads(),
            process.num_fds(),
            len(process.children(recursive=True)),
            metric("tutor_tasks"),
            metric("tutor_sessions") - 1,
        )

    def stray_files(self) -> list[str]:
        """Files that should not be there: in the engine's own temporary folder, and half-made avatars."""
        found = (*(self.folder / "tmp").iterdir(), *(self.folder / "avatars").glob(".*"))
        return [str(path.relative_to(self.folder)) for path in found if path.name not in LASTING_FILES]


def _is_fault(line: str) -> bool:
    if not line.startswith("{"):
        return bool(re.match(r"Traceback|ERROR|WARNING|CRITICAL|.*(Error|Exception|never retrieved)", line))
    entry = json.loads(line)
    return "exception" in entry or entry.get("level") in ("error", "critical")


@asynccontextmanager
async def stage(seed: int, folder: Path) -> AsyncIterator[Stage]:
    """An engine whose settings depend on the seed: with or without a key, with a neural or a formant voice."""
    for name in ("tmp", "avatars", "tutors", "knowledge"):
        (folder / name).mkdir()
    key = KEY if seed % 2 == 0 else None
    log = folder / "log"
    async with _language_model(seed) as base_url, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as http:
        settings = {
            "--port": "0", "--log-format": "json", "--asr-model": "whisper-tiny.en", "--video-size": "128",
            "--sessions-admission": "fixed", "--llm-base-url": base_url, "--sessions-slow-client-s": "4",
            "--voice": "piper:en_US-joe-medium" if seed % 4 > 1 else "espeak:en-us",
            "--avatars-dir": folder / "avatars", "--tutors-dir": folder / "tutors",
            "--knowledge-dir": folder / "knowledge",
        }  # fmt: skip
        environment = {**os.environ, "TMPDIR": str(folder / "tmp"), **({"ENGINE_API_KEY": key} if key else {})}
        arguments = [str(part) for pair in settings.items() for part in pair]
        with log.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "run_engine.py", *arguments, cwd=ROOT, env=environment, stderr=stderr
            )  # fmt: skip
        try:
            port = await _port_when_ready(log, process)
            yield Stage(seed, port, key, folder, http, psutil.Process(process.pid), log)
        finally:
            if process.returncode is None:
                process.terminate()
                async with asyncio.timeout(60):
                    await process.wait()


@asynccontextmanager
async def _language_model(seed: int) -> AsyncIterator[str]:
    """An endpoint that says one odd thing after another, and now and then fails."""
    chance = Chance(f"{seed}/model")
    script = [says(*_cut(chance, chance.choice(REPLIES))) for _ in range(200)]
    for at in range(15, 200, 40):
        script[at] = chance.one(answers(500), sends(b"x\r\n", b"\xff\xfe"), answers(200, b"<html>"))
    async with MisbehavingServer(*script) as server:
        yield (await server.endpoint()).base_url


def _cut(chance: Chance, text: str) -> list[str]:
    cuts = sorted(chance.randrange(len(text) + 1) for _ in range(chance.randint(0, 6)))
    return [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


async def _port_when_ready(log: Path, process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(START_S):
        while True:
            lines = (await asyncio.to_thread(log.read_text)).splitlines()
            events = {entry["event"]: entry for entry in (json.loads(line) for line in lines if line.startswith("{"))}
            if "ready" in events:
                return int(events["ready"]["page"].rstrip("/").rsplit(":", 1)[1])
            assert process.returncode is None, lines[-20:]
            await asyncio.sleep(0.1)
