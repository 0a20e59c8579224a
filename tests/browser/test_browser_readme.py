"""The commands and snippets of README.md do what it says, as they stand there."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.browser.conftest import until
from tests.browser.readme import blocks, run

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLAYED = "(document.querySelector('body > video')?.currentTime ?? 0) > 0.5"


async def test_the_session_command_answers_as_shown(engine_url: str) -> None:
    printed = await asyncio.to_thread(run, "/v1/sessions", port_9000=engine_url.rpartition(":")[2])
    (shown,) = blocks("json")
    answer = json.loads(printed)
    assert answer.keys() == json.loads(shown).keys()
    assert answer["engine_url"].startswith("ws://") and answer["engine_url"].endswith(answer["session_id"])


async def test_the_snippets_work_when_pasted_into_the_console_of_the_page(engine_url: str, browse: Any) -> None:
    page = await browse(engine_url)
    console = await page.context.new_cdp_session(page)
    snippets = blocks("js")
    assert len(snippets) == 2
    for snippet in snippets:
        # As the console runs it: `await` at the top level, and constants that stay for the next one.
        ran = await console.send(
            "Runtime.evaluate", {"expression": snippet, "replMode": True, "awaitPromise": True, "userGesture": True}
        )
        assert "exceptionDetails" not in ran, ran["exceptionDetails"]
        await until(lambda: page.evaluate(PLAYED), "the tutor plays")
