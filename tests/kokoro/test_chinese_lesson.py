"""A lesson in Mandarin over a real socket: typed and spoken questions, a scripted language model, a Kokoro voice."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import av
import jiwer
import numpy as np
import pytest
import pytest_asyncio
from faster_whisper import WhisperModel
from mandarin import PROMPT

from engine.app import Engine
from engine.audio.decoding import decode
from engine.audio.pcm import float_to_pcm16
from engine.audio.resampling import resample
from engine.items import INPUT_RATE, FloatArray
from engine.models.catalog import locate
from engine.settings import Settings
from engine.text.speakable import speakable
from tests.kokoro.test_kokoro import longest_silence_s
from tests.llm.misbehaving_llm import MisbehavingServer, says
from tests.system.conftest import Caller, Socket

pytestmark = pytest.mark.asyncio(loop_scope="session")

VOICE = "kokoro:zf_xiaoxiao"
ANSWER = ("光合作用（photosynth", "esis）是植物制造食物的", "过程。它需要 $CO_2$ 和水，", "大约70%的氧气来自海洋。")
PROFILE = f"""
name = "林老师"
persona = "你是林老师，用一两句话回答。"
language = "zh"
languages = ["zh", "en"]
voice = "{VOICE}"
greeting = "你好！"
apology = "对不起，请再说一遍。"
"""


@dataclass
class Lesson:
    """An engine with a Chinese tutor, and a student in a session."""

    engine: Engine
    llm: MisbehavingServer
    http: aiohttp.ClientSession
    socket: Socket


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lesson(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lesson]:
    tutors = tmp_path_factory.mktemp("tutors")
    (tutors / "88.toml").write_text(PROFILE, encoding="utf-8")
    async with AsyncExitStack() as stack:
        llm = await stack.enter_async_context(MisbehavingServer(says(*ANSWER)))
        settings = Settings(
            port=0,
            voice=VOICE,
            tutors_dir=tutors,
            sessions={"admission": "fixed"},
            video={"size": 128},
            llm={"base_url": (await llm.endpoint()).base_url},
        )
        engine = await stack.enter_async_context(Engine(settings))
        http = await stack.enter_async_context(aiohttp.ClientSession())
        caller = Caller(http, engine.port)
        socket = await caller.connect(await caller.create(tutor_id=88))
        yield Lesson(engine, llm, http, socket)
        await socket.ws.close()


def played(messages: list[dict[str, Any]]) -> tuple[list[np.ndarray], FloatArray]:
    """Pictures and sound (16 kHz) of all ``media``."""
    data = b"".join(base64.b64decode(m["data"]) for m in messages if m["type"] == "media")
    with av.open(io.BytesIO(data), "r", format="mp4") as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    return pictures, decode(data)


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def no_leaked_threads_or_sockets(lesson: Lesson) -> None:
    """The engine outlives a test and its pools grow when first used."""


def heard(pcm: FloatArray, language: str) -> str:
    whisper = WhisperModel(str(locate("whisper-base")), device="cpu", compute_type="int8", cpu_threads=1)
    prompt = PROMPT if language == "zh" else None
    segments, _ = whisper.transcribe(
        pcm, language=language, beam_size=5, without_timestamps=True, initial_prompt=prompt
    )
    return "".join(segment.text for segment in segments)


async def test_a_typed_question_is_answered_in_mandarin(lesson: Lesson) -> None:
    await lesson.socket.send(type="configure", stream=True)
    await lesson.socket.until("ready")
    await lesson.socket.send(type="text", content="你好，什么是光合作用？")
    messages = await lesson.socket.until("turn_done")
    text = next(m for m in messages if m["type"] == "text")["content"]
    assert text == "".join(ANSWER)
    words = [word for m in messages if m["type"] == "captions" for word in m["words"]]
    assert "".join(word["text"] for word in words).replace(" ", "") == text.replace(" ", "")
    assert all(a["start_ms"] <= b["start_ms"] for a, b in pairwise(words))
    pictures, pcm = await asyncio.to_thread(played, messages)
    said = await asyncio.to_thread(heard, pcm, "zh")
    assert "海洋" in said and ("百分之七十" in said or "70%" in said), said
    shown, recognised = (re.sub(r"[^\u4e00-\u9fff]", "", speakable(each, "zh")) for each in (text, said))
    assert jiwer.cer(shown, recognised) < 0.3, said
    english = next(word for word in words if "photosynthesis" in word["text"])
    assert 300 < english["end_ms"] - english["start_ms"] < 1500
    spoken = pcm[int(english["start_ms"] * 16) : int(english["end_ms"] * 16)]
    assert np.sqrt(np.mean(spoken**2)) > 0.02, "the English word is silent"
    assert longest_silence_s(resample(pcm, INPUT_RATE, 24_000)) < 0.7, "no gap where the language changes"
    moved = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(pictures)]
    assert max(moved) > 0.2, "a face that does not move"
    assert words[-1]["end_ms"] <= len(pictures) * 40


async def test_a_spoken_question_is_heard_and_answered_in_mandarin(lesson: Lesson) -> None:
    await lesson.socket.send(type="configure", stream=True, input_audio={"format": "pcm_s16le"})
    await lesson.socket.until("ready")
    recording = (Path(__file__).parents[1] / "data" / "question_zh.ogg").read_bytes()
    pcm = np.concatenate([decode(recording), np.zeros(3 * INPUT_RATE, np.float32)])

    async def speak() -> None:
        for start in range(0, len(pcm), 1600):
            await lesson.socket.ws.send_bytes(float_to_pcm16(pcm[start : start + 1600]))
            await asyncio.sleep(0.1)

    speaking = asyncio.create_task(speak())
    messages = await lesson.socket.until("turn_done")
    await speaking
    said = next(m for m in messages if m["type"] == "transcription")
    assert said["language"] == "zh" and "请问" in said["content"]
    assert any(m["type"] == "media" for m in messages)
    assert next(m for m in messages if m["type"] == "text")["content"] == "".join(ANSWER)


async def test_the_voices_are_listed(lesson: Lesson) -> None:
    async with lesson.http.get(f"http://127.0.0.1:{lesson.engine.port}/v1/voices") as reply:
        voices = {voice["id"]: voice for voice in (await reply.json())["voices"]}
    listed = voices[VOICE]
    assert (listed["language"], listed["engine"], listed["default"]) == ("zh", "kokoro", True)
    assert "你好" in listed["sample_text"]
    assert len([voice for voice in voices if voice.startswith("kokoro:")]) >= 49
