"""What the neural English voice says is what Whisper hears."""

from __future__ import annotations

import re

import pytest
from faster_whisper import WhisperModel
from word_errors import distance

from engine.audio.resampling import resample
from engine.items import OUTPUT_RATE
from engine.models.catalog import locate
from engine.speaking.voices import VoiceBook

SENTENCES = (
    "Hello there, I am your tutor.",
    "The sum of two and three is five, of course.",
    "Photosynthesis turns sunlight, water and carbon dioxide into sugar and oxygen.",
)
DIGITS = {"2": "two", "3": "three", "5": "five", "i'm": "i am"}


def words(text: str) -> list[str]:
    found = re.findall(r"[a-z0-9']+", text.lower())
    return [part for word in found for part in DIGITS.get(word, word).split()]


@pytest.mark.parametrize(
    "voice", ["piper:en_US-joe-medium", "hibari:heart", "hibari:alto", "hibari:tenor", "hibari:treble"]
)
async def test_word_error_rate_of_neural_english_voices(voicebook: VoiceBook, voice: str) -> None:
    whisper = WhisperModel(str(locate("whisper-base")), device="cpu", compute_type="int8", cpu_threads=1)
    wrong = total = 0
    for text in SENTENCES:
        pcm = resample(await voicebook.render(voice, text), OUTPUT_RATE)
        segments, _ = whisper.transcribe(pcm, language="en", beam_size=5, without_timestamps=True)
        heard = "".join(segment.text for segment in segments)
        wrong += distance(words(text), words(heard))
        total += len(words(text))
    assert wrong / total <= 0.1
