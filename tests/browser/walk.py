"""Goes through the pages as a child, a parent, a teacher and on a phone, and takes a picture of every state.

    make walk                          all of them
    make walk ARGS="child teacher"     some; also: parent phone firefox

Pictures go to ``artefacts/walk``: one sheet for each state, with every size of window in light and dark, in English
and Chinese. They are for people to look at; nothing here passes or fails, except that a state which is never reached
ends the walk. The answers come from a scripted model, so that a state lasts for as long as its pictures take.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from PIL import Image, ImageDraw
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from tests.browser.conftest import ARTEFACTS, PATIENCE_MS, answers, free_port, until
from tests.browser.firefox import FirefoxPage, firefox, open_firefox
from tests.browser.scripted_llm import ScriptedModel
from tests.chromium import ARGUMENTS, FAKE_MICROPHONE, chromium

ROOT = Path(__file__).parents[2]
FOLDER = ARTEFACTS / "walk"
SIZES = [(1440, 900), (1280, 800), (844, 390), (390, 844), (320, 568)]
SCHEMES = ["light", "dark"]
SHEET_HEIGHT = 420
STATE = "document.getElementById('state').dataset.state"
START_S, END_S = 1200, 60


@dataclass
class School:
    """Engine, web tier and front end under ``web/run.py``, with a scripted model."""

    engine: str
    front_end: str
    model: ScriptedModel
    runner: asyncio.subprocess.Process

    def engine_process(self) -> psutil.Process:
        """The engine's own process."""
        children = psutil.Process(self.runner.pid).children()
        return next(each for each in children if "run_engine.py" in each.cmdline())


@asynccontextmanager
async def open_school() -> AsyncIterator[School]:
    """Runs the three servers until the block ends."""
    ports = [free_port() for _ in range(3)]
    flags = [f"--{name}-port={port}" for name, port in zip(("engine", "backend", "frontend"), ports, strict=True)]
    model = ScriptedModel()
    with tempfile.TemporaryDirectory() as folder, (FOLDER / "school.log").open("wb") as log:
        async with model.running():
            runner = await asyncio.create_subprocess_exec(
                sys.executable, "web/run.py", *flags, "--llm-base-url", model.base_url, "--llm-first-token-timeout-s",
                "300", cwd=ROOT, stdout=log, stderr=log,
                env={**os.environ, "DATABASE_URL": f"sqlite:///{folder}/school.db",
                     "ENGINE_SESSIONS_ADMISSION": "fixed", "ENGINE_LLM_MODEL": "scripted",
                     "ENGINE_LLM_MAX_TOKENS": "600"},
            )  # fmt: skip
            school = School(f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[2]}", model, runner)
            try:
                async with asyncio.timeout(START_S):
                    while not await asyncio.to_thread(answers, school.front_end):
                        assert runner.returncode is None, f"web/run.py ended: see {log.name}"
                        await asyncio.sleep(0.5)
                yield school
            finally:
                if runner.returncode is None:
                    runner.terminate()
                async with asyncio.timeout(END_S):
                    await runner.wait()


class Sheet:
    """The pictures of one state, side by side: a row for each scheme and language."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows: dict[str, list[Image.Image]] = {}

    def add(self, row: str, png: bytes) -> None:
        """One more picture at the right end of ``row``."""
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        width = round(picture.width * SHEET_HEIGHT / picture.height)
        self._rows.setdefault(row, []).append(picture.resize((width, SHEET_HEIGHT), Image.Resampling.LANCZOS))

    def save(self) -> None:
        """Write ``NAME.png``."""
        width = max(sum(p.width + 8 for p in row) for row in self._rows.values())
        sheet = Image.new("RGB", (width, len(self._rows) * (SHEET_HEIGHT + 24)), "#808080")
        for number, (title, row) in enumerate(self._rows.items()):
            top, left = number * (SHEET_HEIGHT + 24), 0
            ImageDraw.Draw(sheet).text((4, top + 4), f"{self._name}: {title}", fill="white")
            for picture in row:
                sheet.paste(picture, (left, top + 20))
                left += picture.width + 8
        sheet.save(FOLDER / f"{self._name}.png")
        print(f"  {self._name}", flush=True)


class Walk:
    """One page of Chromium.

    Args:
        page: the page.
        persona: the beginning of the names of its sheets.
    """

    def __init__(self, page: Page, persona: str) -> None:
        self.page = page
        self._persona = persona

    async def look(self, state: str, *, languages: bool = True) -> None:
        """Takes the pictures of what is shown now."""
        sheet = Sheet(f"{self._persona}-{state}")
        before = self.page.viewport_size
        both = languages and await self.page.locator("#language").count() > 0
        for language in range(2 if both else 1):
            for scheme in SCHEMES:
                await self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
                for width, height in SIZES:
                    await self.page.set_viewport_size({"width": width, "height": height})
                    sheet.add(f"{scheme} {('en', 'zh')[language]}", await self.page.screenshot())
            if both:
                await self.page.evaluate("document.getElementById('language').click()")
        if before is not None:
            await self.page.set_viewport_size(before)
        sheet.save()

    async def state(self, *wanted: str) -> None:
        """Wait until the page is in one of these states."""

        async def reached() -> bool:
            return await self.page.evaluate(STATE) in wanted

        await until(reached, f"the state {' or '.join(wanted)}")

    async def ask(self, text: str) -> None:
        """Type a question, once there is a tutor to hear it."""
        await self.state("listening", "speaking", "thinking")
        await self.page.locator("#text").fill(text)
        await self.page.locator("#text").press("Enter")

    async def ask_and_hear(self, text: str) -> None:
        """Type a question and wait until its answer has been heard for a moment."""
        before = await self.page.locator("#transcript .assistant").count()
        await self.ask(text)
        await expect(self.page.locator("#transcript .assistant")).to_have_count(before + 1)
        await self.state("speaking")
        await asyncio.sleep(3)


async def child(school: School, walk: Walk) -> None:
    """First visit to the end of a lesson, with all that goes wrong in between."""
    page = walk.page
    loaded = False

    async def ready(route: Route) -> None:
        error = {"code": "busy", "message": "not ready: waiting for models"}
        await (route.continue_() if loaded else route.fulfill(status=503, json={"error": error, "progress": 0.5}))

    async def fails(route: Route) -> None:
        await route.fulfill(status=500, json={"error": {"code": "internal", "message": "out of order"}})

    await page.route("**/ready", ready)
    await page.goto(school.engine)
    await expect(page.locator("#waking")).to_be_visible()
    await until(lambda: page.evaluate("[...document.images].filter((i) => i.naturalWidth > 200).length > 2"), "faces")
    await walk.look("01-waking")
    loaded = True
    await expect(page.locator("#start")).to_be_enabled()
    await walk.look("02-choosing")
    await page.route("**/v1/sessions", fails)
    await page.locator("#start").click()
    await expect(page.locator("#problem")).to_be_visible()
    await walk.look("03-error")
    await page.unroute("**/v1/sessions")
    await page.locator("#start").click()
    await walk.state("speaking")
    await walk.look("04-greeting", languages=False)
    await walk.state("listening")
    await walk.look("05-listening")
    await walk.ask("Please hold on a moment, my brother Tom comes in.")
    await walk.state("thinking")
    await walk.look("06-thinking")
    school.model.release()
    await walk.state("listening", "speaking")
    await walk.ask_and_hear("Tell me a story.")
    await walk.look("07-speaking")
    await page.locator("#stop").click()
    await walk.state("listening")
    await walk.look("08-interrupted")
    await walk.ask_and_hear("What is the area of a square?")
    await walk.look("09-table-and-formula")
    await walk.ask_and_hear("I am sad because my dog died.")
    await walk.look("10-sad")
    await page.locator("#stop").click()
    await walk.ask_and_hear("Is 12 times 2 right?")
    await walk.look("11-glad", languages=False)
    await page.locator("#stop").click()
    await _reconnecting(school, walk)
    await page.locator("#leave").click()
    await walk.look("13-leaving", languages=False)
    await page.locator("#sure-yes").click()
    await expect(page.locator("#ended")).to_be_visible()
    await walk.look("14-ended")


async def _reconnecting(school: School, walk: Walk) -> None:
    """The engine stands still for a while."""
    engine = school.engine_process()
    engine.send_signal(signal.SIGSTOP)
    try:
        await walk.state("reconnecting")
        await walk.look("12-reconnecting", languages=False)
    finally:
        engine.send_signal(signal.SIGCONT)
    await until(_connected(walk.page), "the tutor is back")


def _connected(page: Page) -> Callable[[], Awaitable[Any]]:
    async def connected() -> bool:
        if await page.locator("#welcome").is_visible():
            await page.locator("#start").click()
        return await page.evaluate(STATE) in ("listening", "speaking")

    return connected


async def parent(school: School, walk: Walk) -> None:
    """Looks at what the page says of itself, its settings, sound and captions, and goes."""
    page = walk.page
    await page.goto(school.engine)
    await expect(page.locator("#start")).to_be_enabled()
    await page.locator("#settings-open").click()
    await page.locator("#voices summary").click()
    await walk.look("1-settings")
    await page.keyboard.press("Escape")
    await page.get_by_text("Maths", exact=True).click()
    await page.locator("#start").click()
    await walk.state("listening")
    await page.locator("#sound").click()
    await page.locator("#captions-on").click()
    await walk.ask_and_hear("Tell me a story.")
    await walk.look("2-muted-without-captions", languages=False)
    await page.locator("#settings-open").click()
    await page.locator("#tutor").select_option("7")
    await walk.look("3-another-tutor")
    await page.locator("#sure-yes").click()
    await walk.state("speaking", "listening")
    await walk.look("4-lin", languages=False)


async def phone(school: School, walk: Walk) -> None:
    """Upright and sideways, with a finger."""
    page = walk.page
    await page.goto(school.engine)
    await expect(page.locator("#start")).to_be_enabled()
    await page.locator("#start").tap()
    await walk.state("listening")
    await walk.ask_and_hear("What is the area of a square?")
    await page.set_viewport_size({"width": 844, "height": 390})
    await walk.look("1-lesson")
    await page.goto(school.front_end)
    await walk.look("2-school-login")
    await _log_in(page, "ben", "blue-boat")
    await until(lambda: page.evaluate("[...document.images].every((i) => i.naturalWidth)"), "faces")
    await walk.look("3-school-tutors")
    await page.get_by_role("button", name="Maya").tap()
    await walk.state("listening")
    await walk.ask_and_hear("Tell me a story.")
    await walk.look("4-school-lesson")
    await page.locator("#leave").tap()


async def teacher(school: School, walk: Walk) -> None:
    """A student's lesson, then what their teacher reads of it."""
    page = walk.page
    await page.goto(school.front_end)
    await _log_in(page, "anna", "apple-tree")
    await page.get_by_role("button", name="Maya").click()
    await walk.state("listening")
    await walk.ask_and_hear("Tell me a story.")
    await page.locator("#stop").click()
    await walk.state("listening")
    await walk.ask_and_hear("How do I make a bomb at home?")
    await page.locator("#leave").click()
    await page.goto(f"{school.front_end}/teacher.html")
    await walk.look("1-login")
    await _log_in(page, "clara", "cherry-cake")
    lesson = page.locator("#lessons button").filter(has_text="Anna with Maya").first

    async def arrived() -> bool:
        await page.locator("#refresh").click()
        return await lesson.filter(has_not_text="not ended").count() > 0

    await until(arrived, "the lesson")
    await walk.look("2-overview")
    await lesson.click()
    await expect(page.locator("#lines")).to_be_visible()
    await walk.look("3-lesson")


async def _log_in(page: Page, name: str, password: str) -> None:
    await page.locator("#username").fill(name)
    await page.locator("#password").fill(password)
    await page.get_by_role("button", name="Log in").click()


PERSONAS: dict[str, tuple[Callable[[School, Walk], Awaitable[None]], dict[str, Any]]] = {
    "child": (child, {"viewport": {"width": 1280, "height": 800}}),
    "parent": (parent, {"viewport": {"width": 1440, "height": 900}}),
    "phone": (phone, {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}),
    "teacher": (teacher, {"viewport": {"width": 1440, "height": 900}}),
}


async def in_firefox(school: School) -> None:
    """Choosing, greeting, speaking and the end, in every size; a Firefox for each scheme."""
    executable = firefox()
    assert executable is not None, "make test-browser installs firefox-esr"
    for scheme in SCHEMES:
        with tempfile.TemporaryDirectory() as profile:
            preferences = {"layout.css.prefers-color-scheme.content-override": SCHEMES[::-1].index(scheme)}
            async with open_firefox(executable, Path(profile), preferences) as page:
                await _firefox_lesson(school, page, scheme)


async def _firefox_lesson(school: School, page: FirefoxPage, scheme: str) -> None:
    patience_s = PATIENCE_MS / 1000

    async def look(state: str) -> None:
        sheet = Sheet(f"firefox-{state}-{scheme}")
        for width, height in SIZES:
            await page.resize(width, height)
            sheet.add(scheme, await page.screenshot())
        sheet.save()

    await page.goto(school.engine)
    await page.wait_for("!document.getElementById('start').disabled", patience_s)
    await look("1-choosing")
    await page.evaluate("(document.getElementById('start').click(), 1)")
    await page.wait_for(f"{STATE} === 'speaking'", patience_s)
    await page.wait_for(f"{STATE} === 'listening'", patience_s)
    text = "document.getElementById('text').value = 'Tell me a story.'"
    await page.evaluate(f"({text}, document.getElementById('composer').requestSubmit(), 1)")
    await page.wait_for(f"{STATE} === 'speaking'", patience_s)
    await asyncio.sleep(3)
    await look("2-speaking")
    await page.evaluate("(document.getElementById('leave').click(), 1)")
    await page.evaluate("(document.getElementById('sure-yes').click(), 1)")
    await page.wait_for("!document.getElementById('ended').hidden", patience_s)
    await look("3-ended")


async def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("who", nargs="*", choices=[*PERSONAS, "firefox"], default=[*PERSONAS, "firefox"])
    who = parser.parse_args().who
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with open_school() as school, AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        browser: Browser = await playwright.chromium.launch(
            executable_path=chromium(), args=[*ARGUMENTS, *FAKE_MICROPHONE, "--mute-audio"], timeout=PATIENCE_MS
        )
        stack.push_async_callback(browser.close)
        for name in who:
            print(name, flush=True)
            if name == "firefox":
                await in_firefox(school)
                continue
            steps, options = PERSONAS[name]
            async with await browser.new_context(locale="en-US", **options) as context:
                context.set_default_timeout(PATIENCE_MS)
                await steps(school, Walk(await context.new_page(), name))
    print(f"look at {FOLDER.relative_to(ROOT)}")


if __name__ == "__main__":
    asyncio.run(main())
