"""``python web/run.py``: from a student's login to a tutor that talks, and to the end of all three servers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.axe import script, serious
from tests.browser.conftest import ARTEFACTS, ROOT, START_S, answers, free_port, until
from tests.browser.readme import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

END_S = 90
TOKEN_S = 20
"""Lifetime of a session token here: shorter than a lesson."""


@dataclass
class School:
    """Three running processes under ``runner``."""

    frontend: str
    ports: list[int]
    runner: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[School]:
    ports = [free_port() for _ in range(3)]
    flags = [f"--{name}-port={port}" for name, port in zip(("engine", "backend", "frontend"), ports, strict=True)]
    database = tmp_path_factory.mktemp("school") / "school.db"
    ARTEFACTS.mkdir(exist_ok=True)
    with Path(ARTEFACTS / "school.log").open("wb") as log:
        runner = subprocess.Popen(
            [sys.executable, "web/run.py", *flags], cwd=ROOT, stdout=log, stderr=log,
            env={**os.environ, "DATABASE_URL": f"sqlite:///{database}", "ENGINE_SESSIONS_TOKEN_TTL_S": str(TOKEN_S),
                 "ENGINE_SESSIONS_ADMISSION": "fixed"},
        )  # fmt: skip
        try:
            frontend = f"http://127.0.0.1:{ports[2]}"
            deadline = time.monotonic() + START_S
            while not answers(frontend):
                assert runner.poll() is None, "web/run.py ended: see artefacts/school.log"
                assert time.monotonic() < deadline, "not ready: see artefacts/school.log"
                time.sleep(0.5)
            yield School(frontend, ports, runner)
        finally:
            runner.terminate()
            runner.wait(END_S)


async def test_the_commands_of_the_readme_get_a_session(school: School) -> None:
    printed = await asyncio.to_thread(run, "/api/student/login", port_8000=str(school.ports[1]))
    tutors, session = json.JSONDecoder().raw_decode(printed)[0], json.loads("{" + printed.rpartition("{")[2])
    assert [each["name"] for each in tutors] == ["Professor Owen", "Lin", "Maya"]
    assert session["engine_token"] and session["engine_url"].startswith(f"ws://127.0.0.1:{school.ports[0]}/")


async def test_a_student_logs_in_chooses_a_tutor_and_talks(school: School, browse: Any) -> None:
    page = await browse(school.frontend)
    await page.locator("#username").fill("anna")
    await page.locator("#password").fill("pear-tree")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("#problem")).to_contain_text("wrong name or password")
    await page.locator("#password").fill("apple-tree")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("#tutors button")).to_have_count(3)
    await until(
        lambda: page.evaluate("[...document.querySelectorAll('#tutors img')].every((face) => face.naturalWidth)"),
        "the faces of three tutors",
    )
    await page.screenshot(path=ARTEFACTS / "school-tutors.png")
    await page.get_by_role("button", name="Maya").click()
    await expect(page.locator("#transcript .assistant")).to_contain_text("Maya")
    await page.locator("#text").fill("What is a volcano?")
    await page.locator("#text").press("Enter")
    await until(lambda: page.evaluate("shown.speakingPictures > 1"), "pictures of a speaking tutor")
    # The first one is the greeting. The words of the answer appear as they are spoken.
    await expect(page.locator("#transcript .assistant").nth(1)).to_contain_text("olcano")
    await page.screenshot(path=ARTEFACTS / "school-lesson.png")
    # A reload offers the lesson that was begun: the same session at the engine.
    begun = await page.evaluate("JSON.parse(sessionStorage.lesson).session_id")
    await page.reload()
    await page.get_by_role("button", name="Go on with Maya").click()
    await expect(page.locator("#lesson")).to_be_visible()
    await expect(page.locator("#state")).to_have_text("ready")
    assert await page.evaluate("JSON.parse(sessionStorage.lesson).session_id") == begun
    await page.get_by_role("button", name="End lesson").click()
    await expect(page.locator("#choice")).to_be_visible()
    await expect(page.locator("#resume")).to_be_hidden()


async def test_a_teacher_reads_what_was_said_and_heard_and_nobody_is_kept_out(school: School, browse: Any) -> None:
    page = await browse(f"{school.frontend}/teacher.html", script=script(), reduced_motion="reduce")
    assert await serious(page) == []
    await page.locator("#username").fill("clara")
    await page.locator("#password").fill("cherry-cake")
    await page.get_by_role("button", name="Log in").click()
    lesson = page.locator("#lessons button").filter(has_text="Anna with Maya").first
    await expect(lesson).to_be_visible()
    assert await serious(page) == []
    await page.screenshot(path=ARTEFACTS / "school-teacher.png")
    await lesson.click()
    await expect(page.locator("#lines .student p")).to_have_text(["What is a volcano?"])
    await expect(page.locator("#lines .tutor p").first).not_to_be_empty()
    assert await serious(page) == []
    await page.screenshot(path=ARTEFACTS / "school-teacher-lesson.png")
    await page.get_by_role("button", name="Back to all lessons").click()
    await page.locator("#student").select_option("Ben")
    await expect(page.locator("#lessons button").filter(has_text="Anna")).to_have_count(0)
    await page.get_by_role("button", name="Log out").click()
    await expect(page.locator("#lessons button")).to_have_count(0)


async def test_no_student_is_kept_out_and_cards_fit_a_phone(school: School, browse: Any) -> None:
    page = await browse(
        school.frontend, script=script(), viewport={"width": 390, "height": 844}, reduced_motion="reduce"
    )
    assert await serious(page) == []
    await page.locator("#username").fill("ben")
    await page.locator("#password").fill("blue-boat")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.locator("#tutors button")).to_have_count(3)
    await until(
        lambda: page.evaluate("[...document.querySelectorAll('#tutors img')].every((i) => i.complete)"), "faces"
    )
    for card in await page.locator("#tutors button").all():
        face, name, subject = [await card.locator(part).bounding_box() for part in ("img", "b", "span")]
        assert face and name and subject
        assert name["x"] == subject["x"] > face["x"] + face["width"], "name and subject are beside the picture"
    assert await serious(page) == []
    await page.screenshot(path=ARTEFACTS / "school-phone.png")
    await page.get_by_role("button", name="Maya").click()
    await expect(page.locator("#tutor-name")).to_have_text("Maya")
    assert await serious(page) == []
    await page.get_by_role("button", name="End lesson").click()
    await expect(page.locator("#choice")).to_be_visible()


async def test_a_lesson_outlives_its_token(school: School, browse: Any) -> None:
    lesson = await browse(school.frontend)
    await lesson.locator("#username").fill("ben")
    await lesson.locator("#password").fill("blue-boat")
    await lesson.get_by_role("button", name="Log in").click()
    await lesson.get_by_role("button", name="Maya").click()
    await expect(lesson.locator("#transcript .assistant")).to_contain_text("Maya")
    built_in = await browse(f"http://127.0.0.1:{school.ports[0]}/")
    await built_in.get_by_role("button", name="Start talking").click()
    await expect(built_in.locator("#welcome")).to_be_hidden()
    tokens = await lesson.evaluate("sessionStorage.lesson"), await built_in.evaluate("sessionStorage.session")
    await asyncio.sleep(1.5 * TOKEN_S)
    for page in (lesson, built_in):
        await page.locator("#text").fill("Hello!")
        await page.locator("#text").press("Enter")
        await until(partial(page.evaluate, "shown.speakingPictures > 1"), "pictures of a speaking tutor")
    assert await lesson.evaluate("sessionStorage.lesson") != tokens[0]
    assert await built_in.evaluate("sessionStorage.session") != tokens[1]


async def test_ctrl_c_ends_all_three(school: School) -> None:
    school.runner.send_signal(signal.SIGINT)
    assert school.runner.wait(END_S) == 0
    for port in school.ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0, f"port {port} is still served"
