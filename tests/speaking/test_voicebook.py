"""Choosing and using voices: hibari, the embedded Piper voice and espeak-ng."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from engine.avatars.folders import BUILTIN, find_folder, read_manifest
from engine.contracts import Presents
from engine.errors import InvalidField
from engine.items import OUTPUT_RATE, Clause, Speech
from engine.speaking.voices import VoiceBook
from engine.tutors.store import TutorStore

HEART, JOE = "hibari:heart", "piper:en_US-joe-medium"


async def spoken(book: VoiceBook, text: str, language: str = "en", voice: str | None = None) -> list[Speech]:
    clause = Clause(text, text, language, 0)
    return [speech async for speech in book.speak(clause, voice)]


@pytest.mark.parametrize(
    ("language", "preferred", "voice"),
    [
        ("en", None, HEART),
        ("en", JOE, JOE),
        ("en", "hibari:alto?pitch=0.95", "hibari:alto?pitch=0.95"),
        ("de", "hibari:alto?pitch=0.95", "espeak:de"),
        ("en", "espeak:en-us", "espeak:en-us"),
        ("zh", None, "espeak:cmn"),
        ("zh", "espeak:cmn", "espeak:cmn"),
        ("yue", JOE, "espeak:yue"),
        ("fr", JOE, "espeak:fr-fr"),
        ("no", None, "espeak:nb"),
        ("nn", None, "espeak:nb"),
        ("en", "espeak:cmn", HEART),
        ("xx", "espeak:de", "espeak:de"),
    ],
)
def test_a_language_finds_its_voice(voicebook: VoiceBook, language: str, preferred: str | None, voice: str) -> None:
    assert voicebook.choose(language, preferred)[1].id == voice


def test_an_unknown_voice_is_refused_with_the_known_ones(voicebook: VoiceBook) -> None:
    with pytest.raises(InvalidField, match=r"hibari:heart.*piper:en_US-joe-medium"):
        voicebook.choose("en", "piper:nobody")


@pytest.mark.parametrize(
    ("voice", "reason"),
    [("kokoro:jf_alpha", "OpenJTalk"), ("kokoro:zf_nobody", "make kokoro"), ("kokoro:x", "available")],
)
def test_a_kokoro_voice_that_is_not_offered_says_what_is_missing(voicebook: VoiceBook, voice: str, reason: str) -> None:
    with pytest.raises(InvalidField, match=reason):
        voicebook.voice(voice)


@pytest.mark.parametrize(
    ("presents", "language", "voice"),
    [
        ("woman", "en", HEART),
        ("man", "en", "hibari:tenor"),
        ("child", "en", "hibari:treble"),
        ("", "en", HEART),
        ("man", "de", HEART),
    ],
)
def test_a_face_finds_its_voice(voicebook: VoiceBook, presents: Presents, language: str, voice: str) -> None:
    assert voicebook.fitting(presents, language) == voice


def test_the_built_in_tutors_sound_like_themselves(voicebook: VoiceBook) -> None:
    chosen = {}
    for profile in TutorStore().all():
        face = read_manifest(find_folder([BUILTIN], profile.avatar or "avatar_tutor_13"))
        chosen[profile.id] = profile.voice_for("en") or voicebook.fitting(face.presents, "en")
    assert chosen == {"default": HEART, "1": "hibari:tenor", "7": "hibari:alto", "13": HEART}


def test_a_voice_with_bad_parameters_is_refused(voicebook: VoiceBook) -> None:
    with pytest.raises(InvalidField, match=r"from 0\.4 to 2\.0"):
        voicebook.choose("en", "hibari:heart?pitch=7")


def test_more_than_a_hundred_languages(voicebook: VoiceBook) -> None:
    assert len({voice.language for voice in voicebook.voices}) > 100


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello there.", "en"),
        ("The sum of two and three is five, of course.", "en"),
        ("In 25 of the cases, Dr. Smith's co-worker paid $3.50 - really!", "en"),
        ("你好，我今天有25个苹果。", "zh"),
        ("Guten Tag, wie geht's dir heute?", "de"),
        ("Привет, как дела?", "ru"),
    ],
)
async def test_times_are_monotone_and_fill_the_sound(voicebook: VoiceBook, text: str, language: str) -> None:
    pieces = await spoken(voicebook, text, language)
    assert [piece.last for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    words: list[tuple[str, float, float]] = []
    offset = 0.0
    for piece in pieces:
        edge = 0.0
        for phoneme in piece.phonemes:
            assert edge - 0.01 <= phoneme.start_ms < phoneme.end_ms <= piece.duration_ms + 0.01
            edge = phoneme.end_ms
        words += [(word.text, offset + word.start_ms, offset + word.end_ms) for word in piece.words]
        offset += piece.duration_ms
    assert "".join(word for word, _, _ in words).replace(" ", "") == text.replace(" ", "").replace("-r", "r")
    starts = [start for _, start, _ in words]
    assert starts == sorted(starts)
    assert all(start <= end <= offset + 0.01 for _, start, end in words)
    assert sum(end > start for _, start, end in words) >= len(words) - 1


@pytest.mark.parametrize(("voice", "at_least"), [(HEART, 2), (JOE, 4)])
async def test_the_first_piece_of_a_long_clause_comes_before_the_rest_is_made(
    voicebook: VoiceBook, voice: str, at_least: int
) -> None:
    text = "This is a somewhat longer sentence that takes about six seconds to say, because it has quite many words."
    await voicebook.render(voice, "How loud is this voice?")
    pieces = await spoken(voicebook, text, voice=voice)
    assert len(pieces) >= at_least
    assert 150 < pieces[0].duration_ms < 600
    assert pieces[0].words[0].text == "This"


async def test_every_espeak_voice_speaks(voicebook: VoiceBook) -> None:
    ids = [voice.id for voice in voicebook.voices if voice.id.startswith("espeak:")]
    silent = [voice for voice in ids if np.abs(await voicebook.render(voice, "1 2 a")).max() < 0.1]
    assert not silent


async def test_a_sample_is_a_wav_made_once(voicebook: VoiceBook) -> None:
    data = await voicebook.sample("espeak:cmn")
    assert await voicebook.sample("espeak:cmn") is data
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getframerate(), file.getnchannels()) == (OUTPUT_RATE, 1)
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert len(pcm) > OUTPUT_RATE and np.abs(pcm).max() > 3000


def test_voices_are_described(voicebook: VoiceBook) -> None:
    rows = {str(row["id"]): row for row in voicebook.describe()}
    assert rows[HEART]["default"] is True and rows[HEART]["engine"] == "hibari" and rows[HEART]["timed"] is True
    assert (rows[HEART]["presents"], rows[HEART]["licence"]) == ("woman", "Apache-2.0")
    assert (rows[JOE]["presents"], rows[JOE]["licence"]) == ("man", "CC0-1.0")
    assert rows["espeak:cmn"]["licence"] == "GPL-3.0-or-later"
    cost = rows[HEART]["real_time_factor"]
    assert isinstance(cost, float) and cost > 0
    assert rows["espeak:cmn"]["real_time_factor"] is None
    assert rows["espeak:cmn"]["language"] == "zh" and "你好" in str(rows["espeak:cmn"]["sample_text"])
