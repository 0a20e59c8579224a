"""A headless Firefox driven over WebDriver BiDi (https://w3c.github.io/webdriver-bidi/), which it speaks by itself.

No driver program is needed. Only what the tests use is here: open a page, run a script before it, evaluate, take a
picture. The microphone is Firefox's own fake device, a tone.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import aiohttp

START_S = 60
CALL_S = 60
CLOSE_S = 10

PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    # Without this Firefox downloads its own H.264 for WebRTC; what is not installed is not tested.
    "media.gmp-manager.updateEnabled": False,
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
}


def firefox() -> str | None:
    """Path of Firefox; None if it is not installed. ``FIREFOX`` overrides the search."""
    names = ("firefox-esr", "firefox")
    return os.environ.get("FIREFOX") or next(filter(None, map(shutil.which, names)), None)


class ScriptError(Exception):
    """An evaluated script threw, or the browser refused a command."""


class FirefoxPage:
    """One tab.

    Args:
        socket: the BiDi connection.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._context = ""

    async def read(self) -> None:
        """Hand answers to their callers until the browser closes the connection."""
        async for message in self._socket:
            answer = json.loads(message.data)
            waiting = self._answers.pop(answer.get("id"), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def begin(self) -> None:
        """Start the BiDi session and take the first tab."""
        await self._call("session.new", capabilities={})
        tree = await self._call("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]

    async def before_each_page(self, script: str) -> None:
        """Run ``script`` in every page before its own scripts."""
        await self._call("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    async def goto(self, url: str) -> None:
        """Open ``url`` and wait until it is loaded."""
        await self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        """The value of ``expression``, awaited if it is a promise. It must survive JSON.

        Raises:
            ScriptError: it threw.
        """
        result = await self._call(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if result["type"] == "exception":
            raise ScriptError(result["exceptionDetails"]["text"])
        value = result["result"].get("value")
        return None if value is None else json.loads(value)

    async def wait_for(self, condition: str, seconds: float) -> Any:
        """The value of the expression ``condition`` as soon as it is true.

        Raises:
            TimeoutError: it was not in ``seconds``.
        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    if value := await self.evaluate(condition):
                        return value
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise TimeoutError(f"not in {seconds} s: {condition}") from None

    async def resize(self, width: int, height: int) -> None:
        """Make the page so large, in CSS pixels."""
        await self._call(
            "browsingContext.setViewport", context=self._context, viewport={"width": width, "height": height}
        )

    async def screenshot(self) -> bytes:
        """What the tab shows, as a PNG."""
        shot = await self._call("browsingContext.captureScreenshot", context=self._context)
        return base64.b64decode(shot["data"])

    async def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(CALL_S):
            got = await answer
        if got["type"] == "error":
            raise ScriptError(f"{method}: {got['error']}: {got['message']}")
        result: dict[str, Any] = got["result"]
        return result


@asynccontextmanager
async def open_firefox(
    executable: str, profile: Path, preferences: Mapping[str, bool | int | str] = MappingProxyType({})
) -> AsyncIterator[FirefoxPage]:
    """A Firefox of its own with a fresh profile in ``profile``, closed when the block ends.

    Args:
        executable: its path.
        profile: an empty folder, or none yet.
        preferences: besides ``PREFERENCES``.
    """
    _write_preferences(profile, preferences)
    with _log(profile) as log:
        running = await asyncio.create_subprocess_exec(
            executable, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0",
            stdout=log, stderr=log, env={**os.environ, "HOME": str(profile), "MOZ_DISABLE_CONTENT_SANDBOX": "1"},
        )  # fmt: skip
        try:
            url = await _address(profile / "WebDriverBiDiServer.json", running)
            async with aiohttp.ClientSession() as http, http.ws_connect(url, max_msg_size=0) as socket:
                page = FirefoxPage(socket)
                async with asyncio.TaskGroup() as tasks:
                    reader = tasks.create_task(page.read())
                    await page.begin()
                    yield page
                    reader.cancel()
        finally:
            if running.returncode is None:
                running.terminate()
            try:
                async with asyncio.timeout(CLOSE_S):
                    await running.wait()
            except TimeoutError:
                running.kill()
                await running.wait()


def _log(profile: Path) -> IO[bytes]:
    return (profile / "firefox.log").open("wb")


def _write_preferences(profile: Path, more: Mapping[str, bool | int | str]) -> None:
    profile.mkdir(parents=True, exist_ok=True)
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in {**PREFERENCES, **more}.items())
    (profile / "user.js").write_text("\n".join(lines))


async def _address(file: Path, running: asyncio.subprocess.Process) -> str:
    """Where the browser's BiDi server listens: it writes that into its profile."""
    async with asyncio.timeout(START_S):
        while True:
            if where := _read(file):
                return f"ws://{where['ws_host']}:{where['ws_port']}/session"
            if running.returncode is not None:
                raise ScriptError(f"Firefox ended with {running.returncode}: see {file.parent / 'firefox.log'}")
            await asyncio.sleep(0.1)


def _read(file: Path) -> dict[str, Any] | None:
    """The JSON in ``file``; None while it is missing or half written."""
    try:
        content: dict[str, Any] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return content
