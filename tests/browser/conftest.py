"""A Chromium with a microphone that speaks from a file, and an engine as a process of its own.

``BROWSER_ENGINE_URL`` names an engine that runs already. Pictures of what was seen go to ``artefacts/``.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from piper import PiperVoice
from playwright.async_api import BrowserContext, Page, async_playwright, expect

from engine.models.catalog import locate
from tests.chromium import ARGUMENTS, FAKE_MICROPHONE, chromium

ROOT = Path(__file__).parents[2]
ARTEFACTS = ROOT / "artefacts"
START_S = 300
PATIENCE_MS = float(os.environ.get("BROWSER_PATIENCE_S", "120")) * 1000
QUESTION = "Why is the sky blue?"
INTERJECTION = "Please stop and tell me what a fraction is."
EARS = (ROOT / "bench" / "ears.js").read_text()

expect.set_options(timeout=PATIENCE_MS)

Browse = Callable[..., Awaitable[Page]]


@pytest.fixture(autouse=True)
def no_leaked_threads_or_sockets() -> None:
    """Everything heavy here is another process, and the browser is kept for the whole session."""


@pytest.fixture(autouse=True)
def no_leaked_tasks() -> None:
    """Playwright has tasks of its own."""


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(name: str, *command: str, ready: str, **environment: str) -> Iterator[None]:
    """Runs ``command`` until the block ends, from the moment ``ready`` answers 200. Its words go to a file."""
    ARTEFACTS.mkdir(exist_ok=True)
    with (ARTEFACTS / f"{name}.log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=log, stderr=log, env={**os.environ, **environment}
        )
        try:
            deadline = time.monotonic() + START_S
            while not answers(ready):
                assert running.poll() is None, f"{name} ended: see {log.name}"
                assert time.monotonic() < deadline, f"{name} is not ready after {START_S} s: see {log.name}"
                time.sleep(0.5)
            yield
        finally:
            running.terminate()
            try:
                running.wait(60)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
                raise


def answers(url: str) -> bool:
    """Whether it gives 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


@pytest.fixture(scope="session")
def engine_url() -> Iterator[str]:
    if given := os.environ.get("BROWSER_ENGINE_URL"):
        yield given.rstrip("/")
        return
    url = f"http://127.0.0.1:{free_port()}"
    # Short replies: a test waits for the end of one.
    command = [
        "run_engine.py",
        "--port",
        url.rpartition(":")[2],
        "--llm-max-tokens",
        "40",
        "--sessions-admission",
        "fixed",
    ]
    with process("engine", *command, ready=f"{url}/ready"):
        yield url


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Recordings for the microphone: ``question``, with time to connect before it, and ``interjection``, without."""
    model = locate("piper-en_US-joe-medium")
    voice = PiperVoice.load(next(model.glob("*.onnx")) if model.is_dir() else model)
    folder = tmp_path_factory.mktemp("spoken")
    made = {}
    for name, text, before_s in (("question", QUESTION, 6.0), ("interjection", INTERJECTION, 1.0)):
        chunks = list(voice.synthesize(text))
        rate = chunks[0].sample_rate
        before, after = np.zeros(int(before_s * rate), np.int16), np.zeros(20 * rate, np.int16)
        made[name] = folder / f"{name}.wav"
        _write(made[name], rate, np.concatenate([before, *(chunk.audio_int16_array for chunk in chunks), after]))
    return made


@pytest.fixture(scope="session")
def silence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quiet room; Chromium's own fake microphone beeps."""
    path = tmp_path_factory.mktemp("silent") / "silence.wav"
    _write(path, 16000, np.zeros(16000, np.int16))
    return path


def _write(path: Path, rate: int, pcm: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())


@pytest_asyncio.fixture(loop_scope="session")
async def browse(silence: Path, request: pytest.FixtureRequest) -> AsyncIterator[Browse]:
    """Opens an address in a browser of its own: ``await browse(url, microphone=WAV, script=JS, **context)``."""
    executable = chromium()
    if executable is None:
        pytest.skip("no Chromium here")
    ARTEFACTS.mkdir(exist_ok=True)
    pages: list[Page] = []
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())

        async def open_page(url: str, microphone: Path | None = None, script: str = "", **context: Any) -> Page:
            sound = f"{microphone}%noloop" if microphone else str(silence)
            browser = await playwright.chromium.launch(
                executable_path=executable,
                args=[*ARGUMENTS, *FAKE_MICROPHONE, f"--use-file-for-fake-audio-capture={sound}"],
                timeout=PATIENCE_MS,
            )
            stack.push_async_callback(browser.close)
            options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US", **context}
            # The ears are a worklet from a blob, which the page's policy rightly refuses.
            options["bypass_csp"] = EARS in script
            opened: BrowserContext = await browser.new_context(**options)
            opened.set_default_timeout(PATIENCE_MS)
            page = await opened.new_page()
            page.on("pageerror", lambda error: pytest.fail(f"script error: {error}"))
            await page.add_init_script(WATCH + script)
            await page.goto(url)
            pages.append(page)
            return page

        yield open_page
        for number, page in enumerate(pages):
            await page.screenshot(path=ARTEFACTS / f"{request.node.name}-{number}-end.png")


WATCH = """
window.shown = {speakingPictures: 0, loudest: 0};
addEventListener("DOMContentLoaded", () => {
  const video = document.getElementById("speech");
  const box = document.getElementById("picture");
  if (!video) return;
  const count = () => {
    if (box.classList.contains("speaking")) shown.speakingPictures++;
    video.requestVideoFrameCallback(count);
  };
  video.requestVideoFrameCallback(count);
});
"""
"""Counts the pictures that were painted while the tutor spoke."""


async def until(condition: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Wait until ``condition`` gives something true."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not (got := await condition()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.1)
    return got
