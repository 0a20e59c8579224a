"""The fixed part of the socket protocol, over real sockets with real models."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
import json
import wave
from typing import Any

import aiohttp
import numpy as np
import pytest

from engine.app import Engine
from engine.audio.pcm import to_wav

pytestmark = pytest.mark.asyncio(loop_scope="session")

AVATAR = "avatar_tutor_13"


async def test_text_gives_one_text(socket: Any) -> None:
    await socket.send(type="text", content="What is water?")
    reply = await socket.expect("text")
    assert reply["role"] == "assistant"
    assert len(reply["content"]) > 5
    assert "T" in reply["timestamp"]


async def test_text_with_avatar_gives_one_text_then_one_video(socket: Any, mp4: Any) -> None:
    await socket.send(type="text", content="Say hello to the class.", avatar_id=AVATAR)
    text = await socket.expect("text")
    video = await socket.expect("video")
    assert video["content"] == text["content"]
    assert (video["role"], video["video_mime"]) == ("assistant", "video/mp4")
    pictures, sound, rate = mp4(video["video"])
    assert pictures[0].shape == (512, 512, 3)
    assert abs(len(pictures) / 25 - len(sound) / rate) < 0.041
    with wave.open(io.BytesIO(base64.b64decode(video["audio"]))) as wav:
        spoken = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").astype(np.float32) / 32768
        assert abs(wav.getnframes() / wav.getframerate() - len(pictures) / 25) <= 0.001
    assert np.sqrt(np.mean(spoken**2)) > 0.01
    assert video["duration_ms"] == len(pictures) * 40
    differences = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(pictures)]
    assert max(differences) > 0.2, "a face that does not move"


async def test_recording_gives_transcription_then_text(socket: Any, engine: Engine) -> None:
    question = await speech(engine, "How do plants make food from sunlight?")
    await socket.send(type="audio", data=base64.b64encode(question).decode())
    said = await socket.expect("transcription")
    assert said["role"] == "user"
    assert "food from sunlight" in said["content"].lower()
    assert (await socket.expect("text"))["role"] == "assistant"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("nonsense", "bad_request"), ("[]", "bad_request"), ('"x"', "bad_request"), ("{}", "invalid_field"),
        ('{"type":"dance"}', "unknown_type"), ('{"type":"text"}', "invalid_field"),
        ('{"type":"text","content":7}', "invalid_field"), ('{"type":"text","content":"   "}', "invalid_field"),
        ('{"type":"text","content":"hi","avatar_id":"nobody"}', "unknown_avatar"),
        ('{"type":"text","content":"hi","avatar_id":"../../../etc/passwd"}', "unknown_avatar"),
        ('{"type":"text","content":"hi","avatar_id":"/etc"}', "unknown_avatar"),
        ('{"type":"text","content":"hi","avatar_id":"avatar_tutor_13\\u0000"}', "unknown_avatar"),
        ('{"type":"text","content":"hi","avatar_id":"' + "a" * 500 + '"}', "invalid_field"),
        ('{"type":"text","content":"hi","avatar_id":["avatar_tutor_13"]}', "invalid_field"),
        ('{"type":"audio"}', "invalid_field"), ('{"type":"audio","data":""}', "invalid_field"),
        ('{"type":"audio","data":"***"}', "invalid_field"), ('{"type":"audio","data":5}', "invalid_field"),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_said_and_the_socket_lives(socket: Any, message: str, code: str) -> None:
    await socket.ws.send_str(message)
    error = await socket.expect("error")
    assert error["code"] == code
    assert error["message"]
    await socket.send(type="ping")
    await socket.expect("pong")


async def test_garbage_recording(socket: Any) -> None:
    rng = np.random.default_rng(0)
    for data in (b"x", rng.bytes(5000), b"RIFF" + rng.bytes(500), b"\x1aE\xdf\xa3" + rng.bytes(2000)):
        await socket.send(type="audio", data=base64.b64encode(data).decode())
        assert (await socket.expect("error"))["code"] == "unreadable_media"


async def test_silence_is_not_answered(socket: Any) -> None:
    await socket.send(type="audio", data=base64.b64encode(to_wav(np.zeros(48_000, np.float32), 16_000)).decode())
    assert (await socket.expect("error"))["code"] == "no_speech"


async def test_two_hour_recording_stops_at_the_limit(socket: Any) -> None:
    # Two hours of silence are a few hundred kilobytes: also a decompression bomb.
    recording = await asyncio.to_thread(silence, 7200)
    assert len(recording) < 2_000_000
    await socket.send(type="audio", data=base64.b64encode(recording).decode())
    error = await socket.expect("error")
    assert (error["code"], "60" in error["message"]) == ("too_large", True)


def silence(seconds: int) -> bytes:
    """So much of it as FLAC."""
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=4000, layout="mono")
        for second in range(0, seconds, 60):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 60 * 4000), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 4000, second * 4000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


async def test_megabyte_text_is_refused_and_the_socket_lives(socket: Any) -> None:
    await socket.send(type="text", content="a" * 1_000_000)
    error = await socket.expect("error")
    assert error["code"] == "too_large" and "64000" in error["message"]
    await socket.send(type="text", content="a" * 50_000)
    error = await socket.expect("error")
    assert error["code"] == "invalid_field" and "4000" in error["message"]
    await socket.send(type="ping")
    await socket.expect("pong")


async def test_hundred_megabytes_close_the_socket_and_the_session_lives(caller: Any, session: dict[str, Any]) -> None:
    first = await caller.connect(session)
    try:
        await first.ws.send_str('{"type":"audio","data":"' + "A" * 100_000_000 + '"}')
        closing = await first.ws.receive(30)
        assert closing.type is aiohttp.WSMsgType.CLOSE and closing.data == 1009
    except (ConnectionError, aiohttp.ClientError):
        pass  # refused while it was still being sent
    await first.ws.close()
    second = await caller.connect(session)
    await second.send(type="ping")
    await second.expect("pong")
    await second.ws.close()


async def test_binary_without_configure_is_an_error(socket: Any) -> None:
    await socket.ws.send_bytes(b"\0\0" * 160)
    assert (await socket.expect("error"))["code"] == "bad_request"


async def test_messages_are_answered_in_order(socket: Any) -> None:
    for question in ("One?", "Two?", "Three?"):
        await socket.send(type="text", content=question)
    replies = [await socket.expect("text") for _ in range(3)]
    assert [reply["turn"] for reply in replies] == [1, 2, 3]


async def test_deleting_the_session_closes_its_socket(caller: Any) -> None:
    session = await caller.create()
    socket = await caller.connect(session)
    await socket.send(type="text", content="Tell me a long story.", avatar_id=AVATAR)
    await asyncio.sleep(0.1)
    assert await caller.delete(session["session_id"]) == 204
    while (message := await socket.ws.receive(10)).type is aiohttp.WSMsgType.TEXT:
        assert json.loads(message.data)["type"] != "error"
    assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)
    await socket.ws.close()


async def test_a_second_socket_replaces_the_first(caller: Any, session: dict[str, Any]) -> None:
    first = await caller.connect(session)
    second = await caller.connect(session)
    closing = await first.ws.receive(5)
    assert closing.type is aiohttp.WSMsgType.CLOSE
    await second.send(type="ping")
    await second.expect("pong")
    await first.ws.close()
    await second.ws.close()


async def speech(engine: Engine, text: str, rate: int = 16_000) -> bytes:
    """A WAV of Piper's voice saying ``text``."""
    from engine.audio.resampling import resample
    from engine.items import OUTPUT_RATE, Clause

    assert engine.parts is not None
    clause = Clause(text, text, "en", 0)
    pieces = [piece.pcm async for piece in engine.parts.voices.speak(clause, "piper:en_US-joe-medium")]
    return to_wav(resample(np.concatenate(pieces), OUTPUT_RATE, rate), rate)
