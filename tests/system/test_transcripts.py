"""A lesson's transcript on a real engine: through an interruption, a reload, and after its end."""

from __future__ import annotations

from typing import Any

import pytest

from engine.protocol.lessons import LessonTranscript, StudentSaid, TutorSaid

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def read(caller: Any, session: dict[str, Any], query: str = "") -> tuple[int, str]:
    url = f"{caller.base}/v1/sessions/{session['session_id']}/transcript{query}"
    async with caller.http.get(url, headers={"Authorization": f"Bearer {session['engine_token']}"}) as reply:
        return reply.status, await reply.text()


async def test_a_lesson_through_an_interruption_and_a_reload(caller: Any, session: dict[str, Any]) -> None:
    socket = await caller.connect(session)
    await socket.send(type="configure", stream=True)
    await socket.expect("ready")
    await socket.send(type="text", content="Tell me a long story about a red river.")
    messages, position = await socket.until("media"), 0
    while position < 900:
        messages += await socket.until("media")
        position = messages[-1]["start_ms"] + messages[-1]["duration_ms"]
    await socket.send(type="playback", turn=1, position_ms=900)
    await socket.send(type="interrupt")
    messages += await socket.until("interrupted")
    interrupted = messages[-1]
    written = " ".join(m["content"] for m in messages if m["type"] == "text_delta").split()
    await socket.ws.close()

    again = await caller.connect(session)
    await again.send(type="configure", stream=True)
    await again.expect("ready")
    await again.send(type="text", content="What is 12 times 12?")
    messages = await again.until("turn_done")
    status, text = await read(caller, session)
    assert status == 200
    transcript = LessonTranscript.model_validate_json(text)
    said = [entry.text for entry in transcript.entries if isinstance(entry, StudentSaid)]
    first, second = (entry for entry in transcript.entries if isinstance(entry, TutorSaid))
    assert said == ["Tell me a long story about a red river.", "What is 12 times 12?"]
    assert (first.text, first.ended, first.interrupted_by) == (interrupted["content"], "interrupted", "client")
    assert first.end_ms - first.start_ms == interrupted["played_ms"]
    assert f"{first.text} {first.unheard}".split()[: len(written)] == written  # nothing that was shown is missing
    whole = next(message["content"] for message in messages if message["type"] == "text")
    assert second.origin == "calculation" and whole.startswith(second.text)
    status, vtt = await read(caller, session, "?format=vtt")
    assert status == 200 and vtt.startswith("WEBVTT") and "What is 12 times 12?" in vtt
    assert transcript.usage.pictures > 20 and transcript.usage.interruptions == 1
    await again.ws.close()
    assert await caller.delete(session["session_id"]) == 204
    assert (await read(caller, session))[0] == 404
