"""The streaming part of the socket protocol: order, media, interruption, memory."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from engine.app import Engine
from engine.contracts import Message
from engine.items import ByteArray, FloatArray
from tests.decoded import pictures_of, sound_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

STORY = "Tell me a long story about a river and the sea."


async def ready(socket: Any, **options: Any) -> dict[str, Any]:
    await socket.send(type="configure", stream=True, **options)
    message: dict[str, Any] = await socket.expect("ready")
    return message


def play(messages: list[dict[str, Any]]) -> tuple[list[ByteArray], FloatArray, int]:
    """Decodes all ``media`` of one turn, joined as a browser's source buffer would."""
    data = b"".join(base64.b64decode(m["data"]) for m in messages if m["type"] == "media")
    return list(pictures_of(data)), *sound_of(data)


def remembered_of(engine: Engine, session: dict[str, Any]) -> Sequence[Message]:
    """What the engine remembers of the dialogue."""
    assert engine.registry is not None
    return engine.registry.find(session["session_id"]).conversation.history.remembered


async def test_ready_tells_what_a_player_needs(socket: Any) -> None:
    message = await ready(socket, avatar_id="avatar_tutor_13")
    assert message["size"] == [512, 512] and message["fps"] == 25
    assert message["mime"].startswith('video/mp4; codecs="avc1.')
    assert message["idle_url"] == "/v1/avatars/avatar_tutor_13/idle.mp4"


async def test_a_turn_in_order(socket: Any) -> None:
    await ready(socket)
    await socket.send(type="text", content="What is rain?")
    messages = await socket.until("turn_done")
    kinds = [m["type"] for m in messages]
    assert {m["turn"] for m in messages} == {1}
    assert kinds[0] == "text_delta"
    assert kinds.index("captions") < kinds.index("media")
    text = next(m for m in messages if m["type"] == "text")["content"]
    assert "".join(m["content"] for m in messages if m["type"] == "text_delta").strip() == text
    media = [m for m in messages if m["type"] == "media"]
    assert [m["seq"] for m in media] == list(range(len(media)))
    assert media[0]["duration_ms"] == 40
    for before, after in pairwise(media):
        assert after["start_ms"] == before["start_ms"] + before["duration_ms"]
    words = [w for m in messages if m["type"] == "captions" for w in m["words"]]
    assert all(a["start_ms"] <= b["start_ms"] for a, b in pairwise(words))
    pictures, sound, rate = play(messages)
    duration_ms = sum(m["duration_ms"] for m in media)
    assert duration_ms / 2 < len(pictures) * 40 <= duration_ms, "a busy machine may be taken for a thin line"
    assert abs(len(sound) / rate - duration_ms / 1000) < 0.1
    assert words[-1]["end_ms"] <= duration_ms
    timings = messages[-1]["timings"]
    assert timings["llm_first_token"] <= timings["tts_first"] <= timings["first_picture"] <= timings["first_media_sent"]


async def test_interrupt_ends_the_turn_and_nothing_of_it_follows(socket: Any, engine: Engine, session: Any) -> None:
    await ready(socket)
    await socket.send(type="text", content=STORY)
    sent_ms = 0
    while sent_ms < 600:
        media = (await socket.until("media"))[-1]
        sent_ms = media["start_ms"] + media["duration_ms"]
    await socket.send(type="playback", turn=1, position_ms=400)
    await socket.send(type="interrupt")
    rest = await socket.until("interrupted")
    sent_ms += sum(m["duration_ms"] for m in rest if m["type"] == "media")
    interrupted = rest[-1]
    assert interrupted["turn"] == 1 and interrupted["reason"] == "client"
    # Up to a fragment that waited was counted as sent and then dropped.
    assert 400 <= interrupted["played_ms"] <= sent_ms + 200
    await socket.send(type="text", content="And now?")
    following = await socket.until("turn_done")
    assert {m["turn"] for m in following} == {2}
    said = [m["content"] for m in remembered_of(engine, session) if m["role"] == "assistant"]
    assert interrupted["content"] in said or not interrupted["content"]


async def test_a_new_question_interrupts_the_answer(socket: Any) -> None:
    await ready(socket)
    await socket.send(type="text", content=STORY)
    await socket.until("media")
    await socket.send(type="text", content="Stop. What is two plus two?")
    assert (await socket.until("interrupted"))[-1]["turn"] == 1
    assert {m["turn"] for m in await socket.until("turn_done")} == {2}


async def test_the_last_playback_message_decides_what_was_heard(socket: Any, engine: Engine, session: Any) -> None:
    await ready(socket)
    await socket.send(type="text", content=STORY)
    words = [w for m in await socket.until("media") if m["type"] == "captions" for w in m["words"]]
    await asyncio.sleep(1.0)
    await socket.send(type="interrupt")
    await socket.until("interrupted")
    await socket.send(type="playback", turn=1, position_ms=words[0]["end_ms"])
    await socket.send(type="ping")
    await socket.until("pong")
    said = [m["content"] for m in remembered_of(engine, session) if m["role"] == "assistant"]
    assert said[-1] == words[0]["text"].strip(".,!?")


async def test_video_none_sends_text_only(socket: Any) -> None:
    await ready(socket, video="none")
    await socket.send(type="text", content="Hi!")
    kinds = {m["type"] for m in await socket.until("turn_done")}
    assert kinds == {"text_delta", "text", "turn_done"}


async def test_stream_query_parameter(caller: Any, session: dict[str, Any]) -> None:
    socket = await caller.connect(session, "&stream=1")
    assert (await socket.expect("ready"))["session"] == session["session_id"]
    await socket.ws.close()


async def test_two_students_hear_their_own_answers(caller: Any, engine: Engine) -> None:
    sessions = [await caller.create(student_id=n) for n in (1, 2)]
    sockets = [await caller.connect(one) for one in sessions]

    async def ask(socket: Any, question: str) -> str:
        await ready(socket, video="none")
        await socket.send(type="text", content=question)
        return str(next(m for m in await socket.until("text") if m["type"] == "text")["content"])

    await asyncio.gather(ask(sockets[0], "I like apples."), ask(sockets[1], "I like bananas."))
    remembered = [str(remembered_of(engine, one)) for one in sessions]
    assert "apples" in remembered[0] and "bananas" not in remembered[0]
    assert "bananas" in remembered[1] and "apples" not in remembered[1]
    for socket, one in zip(sockets, sessions, strict=True):
        await socket.ws.close()
        await caller.delete(one["session_id"])
