"""The embedded language model as an OpenAI-compatible endpoint in a child process.

In: a GGUF file and sizes. Out: an ``Endpoint`` on a loopback port, with a key made for this start.
All of this runs on the event loop; the model computes in the child. A watcher task restarts the child
when it dies, with growing pauses; ``stop`` ends watcher and child. The child ends by itself when this
process does, however that happens (see ``child.py``).
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import structlog

from engine.errors import LanguageModelFailed
from engine.llm.endpoint import Endpoint

CHILD = Path(__file__).with_name("child.py")
STOP_S = 2.0
"""How long the child may take to end after its stdin closed."""

HEALTH_S = 2.0
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 3.0
"""Between two starts of a child that keeps dying: a start takes under a second, and students wait for it."""

HEALTHY_S = 30.0
"""A child that lived this long is restarted without a pause again."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """What to serve and how big."""

    path: Path
    """A GGUF file."""

    threads: int = 0
    """0 means all cores but one (at least 1) for the answer, which a busy core would slow down, and
    every core for prompts, which the student waits for."""

    slots: int = 8
    """Answers made at once, each token of all of them in one step; and dialogues that are kept as they were read."""

    scoring_slots: int = 0
    """Further slots, after those, which ``completion.py`` asks by their number."""

    context: int = 2048
    """Tokens of one slot."""

    gpu_layers: int = 0
    poll: int = 0
    """How much idle threads spin between tokens, 0 to 100."""

    prompt_cache_mib: int = 128
    """Memory for the prompts of sessions that have no slot at the moment."""

    start_timeout_s: float = 120.0

    def config(self, api_key: str) -> dict[str, object]:
        """What the child reads on stdin."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return {
            "model": str(self.path),
            "port": 0,
            "api_key": api_key,
            "slots": self.slots + self.scoring_slots,
            "context": self.context,
            "threads": self.threads or max(1, cores - 1),
            "prompt_threads": self.threads or cores,
            "poll": self.poll,
            "gpu_layers": self.gpu_layers,
            "prompt_cache_mib": self.prompt_cache_mib,
        }


class EmbeddedServer:
    """Starts, watches, restarts and ends the child. Use as an async context manager."""

    def __init__(self, model: EmbeddedModel) -> None:
        self.model = model
        self.restarts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._endpoint: Endpoint | None = None
        self._up = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def __aenter__(self) -> EmbeddedServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> Endpoint:
        """Start the child and wait until it answers.

        Raises:
            LanguageModelFailed: it ended, was too slow, or refused the model.
        """
        if self._watcher is not None:
            return await self.endpoint()
        endpoint = await self._spawn()
        self._watcher = asyncio.create_task(self._watch(), name="llm-watch")
        return endpoint

    async def endpoint(self) -> Endpoint:
        """Where it answers now; waits while it is being restarted. Bound the wait yourself."""
        await self._up.wait()
        assert self._endpoint is not None
        return self._endpoint

    async def restart(self) -> Endpoint:
        """End the child, let the watcher start another, and wait for that one."""
        self._kill()
        return await self.endpoint()

    async def suspect(self) -> None:
        """A caller got no answer in time: restart the child unless it proves alive."""
        suspected = self._process
        if not self._up.is_set() or await self._healthy() or suspected is not self._process:
            return
        log.error("llm_child_hangs", pid=self.pid)
        self._kill()

    def _kill(self) -> None:
        """End the child; the watcher starts the next."""
        self._up.clear()
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def _healthy(self) -> bool:
        """Whether ``GET /health`` answers 200 in time."""
        assert self._endpoint is not None
        url = urlsplit(self._endpoint.base_url)
        try:
            async with asyncio.timeout(HEALTH_S):
                reader, writer = await asyncio.open_connection(url.hostname, url.port)
                try:
                    writer.write(b"GET /health HTTP/1.0\r\n\r\n")
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    async def stop(self) -> None:
        """End the watcher and the child. Idempotent."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
        await self._end_child()

    async def _watch(self) -> None:
        loop, pause = asyncio.get_running_loop(), 0.0
        while True:
            began = loop.time()
            assert self._process is not None
            code = await self._process.wait()
            self._up.clear()
            if loop.time() - began > HEALTHY_S:
                pause = 0.0
            log.warning("llm_child_ended", exit_code=code, restart_in_s=pause)
            await self._close_pipes()
            while True:
                await asyncio.sleep(pause)
                pause = min(max(pause * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
                try:
                    await self._spawn()
                    self.restarts += 1
                    break
                except (LanguageModelFailed, OSError) as error:
                    log.error("llm_child_failed", error=str(error), next_try_in_s=pause)

    async def _spawn(self) -> Endpoint:
        key = secrets.token_urlsafe(24)
        # -P keeps the script's folder off sys.path; a session of its own keeps Ctrl-C away.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            str(CHILD),
            start_new_session=True,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(self.model.start_timeout_s):
                answer = await self._handshake(self._process, key)
        except BaseException as error:
            await self._end_child()
            if isinstance(error, TimeoutError):
                raise LanguageModelFailed("the embedded language model did not start in time") from None
            raise
        self._endpoint = Endpoint(f"{answer}/v1", key)
        self._up.set()
        log.info("llm_child_started", pid=self._process.pid, model=self.model.path.name)
        return self._endpoint

    async def _handshake(self, process: asyncio.subprocess.Process, key: str) -> str:
        """Send the configuration, read the URL."""
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(self.model.config(key)).encode() + b"\n")
        try:
            await process.stdin.drain()
            line = await process.stdout.readline()
        except ConnectionError:
            line = b""
        if not line:
            code = await process.wait()
            raise LanguageModelFailed(f"the embedded language model ended at its start (exit code {code})")
        answer: dict[str, str] = json.loads(line)
        if "error" in answer:
            raise LanguageModelFailed(
                f"the embedded language model {self.model.path.name} did not load: the file is damaged, is not GGUF, "
                "or holds a kind of model that llama.cpp does not know"
            )
        return answer["url"]

    async def _end_child(self) -> None:
        process = self._process
        self._up.clear()
        if process is None:
            return
        if process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            try:
                async with asyncio.timeout(STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        await self._close_pipes()
        self._process = None

    async def _close_pipes(self) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()
            # The other end is gone with the child; what was unsent is lost with it.
            await asyncio.gather(process.stdin.wait_closed(), return_exceptions=True)
