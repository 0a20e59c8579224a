"""Whole recordings through the real models: what was said, and nothing where nobody speaks."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest

from engine.audio.decoding import decode
from engine.errors import ModelMissing, SettingsError
from engine.items import FloatArray
from engine.models.catalog import locate
from engine.recognition.recognizer import WhisperRecognizer
from engine.recognition.silero import SileroVad
from tests.audio.containers import encode
from tests.recognition.conftest import Speaker

QUESTION = "Why is the sky blue?"
LONG = "Yesterday our teacher explained how the heart pumps blood through the body."
ROOM = np.random.default_rng(5)


@pytest.fixture(params=["english", "multilingual"])
def recognizer(
    request: pytest.FixtureRequest, english: WhisperRecognizer, multilingual: WhisperRecognizer
) -> WhisperRecognizer:
    return english if request.param == "english" else multilingual


def plain(text: str) -> str:
    return re.sub(r"[^\w ]", "", text.lower())


@pytest.mark.parametrize("kind", ["wav", "webm", "m4a"])
async def test_a_spoken_question_in_any_container(kind: str, recognizer: WhisperRecognizer, say: Speaker) -> None:
    recording = decode(encode(say(QUESTION), 16_000, kind, live=True))
    transcript = await recognizer.transcribe(recording)
    assert plain(transcript.text) == plain(QUESTION)
    assert transcript.final and transcript.stable == transcript.text and transcript.language == "en"
    assert [word.text for word in transcript.words] == transcript.text.split()
    assert 0 <= transcript.words[0].start_ms < transcript.words[-1].end_ms <= len(recording) / 16


def noises() -> dict[str, FloatArray]:
    seconds = np.arange(16_000 * 4) / 16_000
    clicks = np.zeros(64_000, np.float32)
    clicks[::8000] = 0.8
    brown = np.cumsum(ROOM.normal(0, 1, 64_000))
    hum = 0.2 * np.sin(2 * np.pi * 50 * seconds) + 0.1 * np.sin(2 * np.pi * 150 * seconds)
    burst = ROOM.normal(0, 0.3, 4000) * np.exp(-np.arange(4000) / 1200)
    cough = np.concatenate([np.zeros(16_000), burst, np.zeros(16_000)])
    sounds = {
        "nothing": np.zeros(0),
        "one sample": np.zeros(1),
        "digital silence": np.zeros(64_000),
        "a quiet room": ROOM.normal(0, 0.0005, 64_000),
        "loud hiss": ROOM.normal(0, 0.1, 64_000),
        "rumble": 0.3 * brown / np.abs(brown).max(),
        "mains hum": hum,
        "a tone": 0.4 * np.sin(2 * np.pi * 440 * seconds),
        "clicks": np.convolve(clicks, np.exp(-np.arange(200) / 30))[:64_000],
        "a cough": cough,
    }
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}


async def test_where_nobody_speaks_nothing_is_said(recognizer: WhisperRecognizer) -> None:
    for name, sound in noises().items():
        transcript = await recognizer.transcribe(sound)
        assert transcript.text == "" and transcript.words == () and transcript.no_speech == 1.0, name
        assert transcript.final


async def test_speech_in_noise_is_still_heard(english: WhisperRecognizer, say: Speaker) -> None:
    speech = say(LONG)
    noise = ROOM.normal(0, float(np.sqrt(np.mean(speech**2))) / 10 ** (20 / 20), len(speech)).astype(np.float32)
    assert "explained how the heart pumps blood" in plain((await english.transcribe(speech + noise)).text)


async def test_two_minutes_are_heard_to_the_end(english: WhisperRecognizer, say: Speaker) -> None:
    room = np.zeros(9600, np.float32)
    names = ["heart", "lungs", "muscles"]
    turns = [(say(LONG), room, say(f"Now tell me about the {names[i % 3]}, please."), room) for i in range(14)]
    pcm = np.concatenate([piece for turn in turns for piece in turn])
    assert 90 < len(pcm) / 16_000 < 180
    transcript = await english.transcribe(pcm)
    said = plain(transcript.text)
    assert said.count("teacher explained how the heart pumps blood through the body") >= 13
    assert sum(said.count(f"tell me about the {name}") for name in names) >= 13
    starts = [word.start_ms for word in transcript.words]
    assert starts == sorted(starts) and transcript.words[-1].end_ms > len(pcm) / 16 - 2000


async def test_a_long_silence_between_two_sentences_costs_no_words(english: WhisperRecognizer, say: Speaker) -> None:
    pcm = np.concatenate([say(QUESTION), np.zeros(16_000 * 20, np.float32), say(LONG)])
    transcript = await english.transcribe(pcm)
    assert plain(transcript.text) == plain(f"{QUESTION} {LONG}")
    assert transcript.words[5].start_ms > 20_000


async def test_mandarin_is_detected_and_written_in_simplified_chinese(
    multilingual: WhisperRecognizer, mandarin: FloatArray
) -> None:
    transcript = await multilingual.transcribe(mandarin)
    assert transcript.language == "zh"
    assert "请问什么是" in transcript.text


async def test_a_recording_that_ends_with_its_last_sound_is_heard_to_the_end(
    multilingual: WhisperRecognizer, mandarin: FloatArray, say: Speaker
) -> None:
    for pcm, language, words in ((mandarin, "zh", "请问什么是"), (say(QUESTION), "en", QUESTION)):
        loud = np.flatnonzero(np.abs(pcm) > 0.02 * np.abs(pcm).max())
        transcript = await multilingual.transcribe(pcm[: loud[-1] + 1], "en,zh,*")
        assert transcript.language == language
        assert words in transcript.text


async def test_a_language_can_be_given_or_chosen_among_a_few(
    multilingual: WhisperRecognizer, mandarin: FloatArray, say: Speaker
) -> None:
    assert (await multilingual.transcribe(mandarin, "zh")).language == "zh"
    assert (await multilingual.transcribe(mandarin, "en,zh")).language == "zh"
    assert (await multilingual.transcribe(say(QUESTION), "zh,en")).text == QUESTION


async def test_languages_it_can_not_do_are_refused_by_name(
    english: WhisperRecognizer, multilingual: WhisperRecognizer, detector: SileroVad
) -> None:
    with pytest.raises(SettingsError, match=r"'zh'.*only English"):
        english.stream("zh")
    with pytest.raises(SettingsError, match="'klingon'"):
        await multilingual.transcribe(np.zeros(10, np.float32), "klingon")
    with pytest.raises(SettingsError, match="only English"):
        WhisperRecognizer(locate("whisper-tiny.en"), detector, language="de")
    with pytest.raises(SettingsError, match=r"asr\.language is 'en,xx': Whisper does not know xx"):
        WhisperRecognizer(locate("whisper-tiny.en"), detector, language="en,xx")


def test_a_folder_without_a_model_is_named(tmp_path: Path, detector: SileroVad) -> None:
    with pytest.raises(ModelMissing, match=r"model\.bin is not in"):
        WhisperRecognizer(tmp_path, detector)
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ModelMissing, match="does not load"):
        WhisperRecognizer(tmp_path, detector)


async def test_recordings_of_several_students_do_not_mix(english: WhisperRecognizer, say: Speaker) -> None:
    first, second = await asyncio.gather(english.transcribe(say(QUESTION)), english.transcribe(say(LONG)))
    assert plain(first.text) == plain(QUESTION) and plain(second.text) == plain(LONG)


async def test_a_cancelled_recording_leaves_the_recognizer_free(english: WhisperRecognizer, say: Speaker) -> None:
    task = asyncio.create_task(english.transcribe(np.tile(say(LONG), 10)))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert english.waiting == 0
    assert plain((await english.transcribe(say(QUESTION))).text) == plain(QUESTION)
