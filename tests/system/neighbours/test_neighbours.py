"""Whatever a language or speech server does, its turn ends, the next one works, and memory stays flat."""

from __future__ import annotations

from typing import Any

import psutil
import pytest

from engine.tutors.store import TutorStore
from tests.llm.misbehaving_llm import (
    FLOODS,
    Behaviour,
    answers,
    compressed,
    delta,
    hangs,
    says,
    sends,
    speaks_tls,
    talks_for_ever,
)
from tests.system.neighbours.conftest import WELL, Neighbourhood

pytestmark = pytest.mark.asyncio(loop_scope="session")

LLM: dict[str, Behaviour] = {
    "slow": hangs,
    "down": answers(503),
    "closes": sends(),
    "busy": answers(429, head="Retry-After: 60\r\n"),
    "refuses": answers(401),
    "redirects": answers(307, head="Location: http://127.0.0.1:9/v1/chat/completions\r\n"),
    "half": sends(delta("Half a")),
    "stalls": sends(delta("Half a"), then_hang=True),
    "html": answers(200, b"<html>a login page</html>", kind="text/html"),
    "no stream": answers(200, b'{"choices": []}'),
    "other sign": answers(200, b"\xff\xfe\x00rubbish", kind="text/event-stream"),
    "tls": speaks_tls,
    "compressed": compressed(megabytes=60),
    **FLOODS,
}
SPEECH = (
    "slow", "busy", "broken", "refuses", "html", "hidden-html", "empty", "rubbish-mp3", "rubbish-wav", "half", "stalls",
    "redirects", "compressed",
)  # fmt: skip


async def ask(place: Neighbourhood, *, video: str) -> list[dict[str, Any]]:
    """One question; gives all messages to the end of its turn."""
    await place.socket.send(type="configure", stream=True, video=video)
    await place.socket.until("ready")
    await place.socket.send(type="text", content="How are things?")
    got: list[dict[str, Any]] = []
    while not got or got[-1]["type"] not in ("turn_done", "error"):
        got.append(await place.socket.receive())
        if got[-1]["type"] == "error" and video != "none":
            # Said aloud: the turn goes on.
            got += await place.socket.until("turn_done")
    return got


async def works(place: Neighbourhood) -> None:
    place.llm.script = [says(WELL)]
    place.speech.mode = "good"
    got = await ask(place, video="none")
    assert got[-1]["type"] == "turn_done"
    assert [m["content"] for m in got if m["type"] == "text"] == [WELL]


@pytest.mark.parametrize("how", LLM)
async def test_a_language_model_costs_its_turn_only(neighbourhood: Neighbourhood, how: str) -> None:
    neighbourhood.llm.script = [LLM[how]]
    got = await ask(neighbourhood, video="none")
    assert got[-1]["type"] == "error" and got[-1]["code"] == "llm_failed", got[-1]
    await works(neighbourhood)


async def test_a_language_model_that_is_down_is_apologised_for_aloud(neighbourhood: Neighbourhood) -> None:
    neighbourhood.llm.script = [answers(503)]
    neighbourhood.speech.mode = "good"
    got = await ask(neighbourhood, video="fmp4")
    kinds = [m["type"] for m in got]
    assert kinds.index("error") < kinds.index("media")
    (text,) = [m["content"] for m in got if m["type"] == "text"]
    assert text == TutorStore().find(1).apology
    await works(neighbourhood)


@pytest.mark.parametrize("how", SPEECH)
async def test_another_voice_goes_on_when_the_speech_server_fails(neighbourhood: Neighbourhood, how: str) -> None:
    neighbourhood.speech.mode = how
    neighbourhood.llm.script = [says(WELL)]
    got = await ask(neighbourhood, video="fmp4")
    (error,) = [m for m in got if m["type"] == "error"]
    assert error["code"] == "tts_failed"
    assert "media" in [m["type"] for m in got[got.index(error) :]], "the stand-in is heard"
    await works(neighbourhood)


async def test_floods_leave_memory_flat(neighbourhood: Neighbourhood) -> None:
    floods = [*FLOODS.values(), talks_for_ever, LLM["compressed"]]

    async def suffer() -> int:
        for flood in floods:
            neighbourhood.llm.script = [flood]
            await ask(neighbourhood, video="none")
            await works(neighbourhood)  # so that the breaker lets the next one in
        return int(psutil.Process().memory_info().rss)

    before = await suffer()
    for _ in range(2):
        after = await suffer()
    assert after - before < 30_000_000
