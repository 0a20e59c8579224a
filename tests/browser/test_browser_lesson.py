"""The built-in page as a student meets it: choosing, waking, leaving, starting over, in every size, for everybody."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.axe import findings, script
from tests.browser.conftest import until
from tests.browser.test_browser_page import ask, speaking, start

pytestmark = pytest.mark.asyncio(loop_scope="session")

FACES_SHOWN = "[...document.querySelectorAll('#tutors img')].filter((face) => face.naturalWidth >= 256).length"
SIZES = [(1440, 900), (1280, 800), (844, 390), (390, 844), (320, 568)]


async def test_tutors_are_shown_and_progress_is_told_before_models_are_loaded(engine_url: str, browse: Any) -> None:
    loaded = False

    async def ready(route: Route) -> None:
        if loaded:
            await route.continue_()
        else:
            error = {"code": "busy", "message": "not ready: waiting for models"}
            await route.fulfill(status=503, json={"error": error, "progress": 0.5})

    page = await browse(engine_url)
    await page.route("**/ready", ready)
    await page.reload()
    await until(lambda: page.evaluate(f"{FACES_SHOWN} === 3"), "the faces of three tutors")
    await expect(page.locator("#waking")).to_contain_text("Maya is waking up")
    assert await page.locator("#waking progress").evaluate("(bar) => bar.value") == 50
    await expect(page.locator("#problem")).to_be_hidden()
    await expect(page.locator("#start")).to_be_disabled()
    loaded = True
    await expect(page.locator("#start")).to_be_enabled()
    await expect(page.locator("#waking")).to_be_hidden()


async def test_the_subject_chosen_gives_the_first_questions(engine_url: str, browse: Any) -> None:
    page = await browse(engine_url)
    await page.get_by_text("Space", exact=True).click()
    await start(page)
    await page.get_by_role("button", name="What is a black hole?").click()
    await expect(page.locator("#transcript .user")).to_contain_text("What is a black hole?")
    await expect(page.locator("#suggestions")).to_be_hidden()


async def test_what_went_wrong_is_told_in_the_language_that_is_chosen_then(engine_url: str, browse: Any) -> None:
    async def fails(route: Route) -> None:
        await route.fulfill(status=500, json={"error": {"code": "internal", "message": "out of order"}})

    page = await browse(engine_url)
    await page.route("**/v1/sessions", fails)
    await page.get_by_role("button", name="Start talking").click()
    await expect(page.locator("#problem")).to_contain_text("That did not work")
    await page.locator("#language").click()
    await expect(page.locator("#problem")).to_have_text("没有成功。请过一会儿再按一次按钮。")


async def test_another_tutor_is_asked_about_before_the_lesson_is_cleared(engine_url: str, browse: Any) -> None:
    page = await browse(engine_url)
    await start(page)
    await ask(page, "What is a verb?")
    session = await page.evaluate("JSON.parse(sessionStorage.session).session_id")
    await page.locator("#settings-open").click()
    await page.locator("#tutor").select_option("7")
    await expect(page.locator("#sure-question")).to_have_text("Start over with Lin?")
    await page.get_by_role("button", name="Stay").click()
    await expect(page.locator("#tutor")).to_have_value("13")
    await expect(page.locator("#transcript .user")).to_contain_text("What is a verb?")
    assert await page.evaluate("JSON.parse(sessionStorage.session).session_id") == session
    await page.locator("#tutor").select_option("7")
    await page.get_by_role("button", name="Start over").click()
    await expect(page.locator("#tutor-name")).to_have_text("Lin")
    await expect(page.locator("#transcript .user")).to_have_count(0)
    gone = await page.request.get(f"{engine_url}/v1/sessions/{session}")
    assert gone.status == 404, "the seat of the lesson before was not given back"


async def test_who_leaves_gives_the_seat_back_and_can_read_the_lesson_until_the_next(
    engine_url: str, browse: Any
) -> None:
    page = await browse(engine_url)
    await start(page)
    await ask(page, "What is a fraction?")
    await speaking(page)
    session = await page.evaluate("JSON.parse(sessionStorage.session).session_id")
    await page.locator("#leave").click()
    await page.locator("#sure-yes").click()
    await expect(page.locator("#ended")).to_contain_text("Maya")

    async def given_back() -> bool:
        return bool((await page.request.get(f"{engine_url}/v1/sessions/{session}")).status == 404)

    await until(given_back, "the seat")
    await page.reload()
    await expect(page.locator("#transcript .user")).to_contain_text("What is a fraction?")
    await page.get_by_role("button", name="New lesson").click()
    await expect(page.locator("#composer")).to_be_visible()
    await expect(page.locator("#transcript .user")).to_have_count(0)


async def test_sound_and_captions_are_the_students(engine_url: str, browse: Any) -> None:
    page = await browse(engine_url)
    await start(page)
    await page.locator("#volume").fill("30")
    assert await page.evaluate("document.getElementById('speech').volume") == pytest.approx(0.3)
    await page.get_by_role("button", name="Turn the sound off").click()
    assert await page.evaluate("document.getElementById('speech').muted")
    await page.get_by_role("button", name="Turn the sound on").click()
    assert not await page.evaluate("document.getElementById('speech').muted")
    await page.get_by_role("button", name="Captions").click()
    await ask(page, "What is a verb?")
    await speaking(page)
    await expect(page.locator("#captions")).not_to_have_class("captions shown")
    await expect(page.locator("#latency")).to_be_hidden()
    await expect(page.locator("#transport")).to_be_hidden()


async def overflowing(page: Page) -> list[str]:
    """What sticks out of the window sideways, or is a button too small for a finger."""
    found: list[str] = await page.evaluate(
        """[document.documentElement.scrollWidth > innerWidth && "the page scrolls sideways",
          ...[...document.querySelectorAll("button, input:not([type=radio], [type=checkbox]), select, label.check")]
            .filter((node) => node.checkVisibility() && !node.closest("#suggestions"))
            .map((node) => [node.id || node.textContent, node.getBoundingClientRect()])
            .filter(([, box]) => box.left < 0 || box.right > innerWidth + 1 || box.height < 43)
            .map(([name, box]) => `${name} ${JSON.stringify(box)}`)].filter(Boolean)"""
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nobody_is_kept_out_and_it_fits_every_screen(engine_url: str, browse: Any, scheme: str) -> None:
    page = await browse(engine_url, script=script(), color_scheme=scheme, reduced_motion="reduce")
    await expect(page.locator("#start")).to_be_enabled()

    async def look(where: str) -> None:
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            assert await overflowing(page) == [], f"{where}, {width} x {height}"
            if width in (1280, 320):
                assert await findings(page) == [], f"{where}, {width} x {height}"

    await look("choosing")
    await start(page)
    await ask(page, "What is a verb?")
    await speaking(page)
    await look("in the lesson")
    await page.locator("#settings-open").click()
    await look("settings")
    await page.keyboard.press("Escape")
    await page.locator("#leave").click()
    await look("asking")
    await page.locator("#sure-yes").click()
    await expect(page.locator("#ended")).to_be_visible()
    await look("ended")


async def test_a_closed_tab_gives_its_seat_back(engine_url: str, browse: Any) -> None:
    page = await browse(engine_url)
    await start(page)
    session = await page.evaluate("JSON.parse(sessionStorage.session).session_id")
    request = page.request
    await page.goto(f"{engine_url}/health")

    async def given_back() -> bool:
        return bool((await request.get(f"{engine_url}/v1/sessions/{session}")).status == 404)

    await until(given_back, "the seat")
