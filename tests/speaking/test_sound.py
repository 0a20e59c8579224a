"""What is heard: loudness, silence at the ends, joints without clicks, times that fit the sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.items import OUTPUT_RATE, Clause, FloatArray, Phoneme, Speech
from engine.speaking.shaping import Leveller, Shaper, limit, speech_power, tail_ms
from engine.speaking.timeline import ClauseTiming
from engine.speaking.voices import VoiceBook

HEART, TENOR = "hibari:heart", "hibari:tenor"
JOE, ROBOT = "piper:en_US-joe-medium", "espeak:en-us"
SENTENCES = (
    "Hello there, I am your tutor.",
    "The sum of two and three is five, of course.",
    "Photosynthesis turns sunlight, water and carbon dioxide into sugar and oxygen.",
)


async def spoken(book: VoiceBook, text: str, voice: str, index: int = 0) -> list[Speech]:
    return [speech async for speech in book.speak(Clause(text, text, "en", index), voice)]


def sound(pieces: list[Speech]) -> FloatArray:
    return np.concatenate([piece.pcm for piece in pieces])


def phonemes(pieces: list[Speech]) -> list[Phoneme]:
    found, offset = [], 0.0
    for piece in pieces:
        found += [Phoneme(p.symbol, p.start_ms + offset, p.end_ms + offset, p.stress) for p in piece.phonemes]
        offset += piece.duration_ms
    return found


def level(pcm: FloatArray) -> float:
    return float(10 * np.log10(speech_power(pcm)[0]))


def roughness(pcm: FloatArray, at: int) -> float:
    """How much ``at`` sticks out: its largest second difference over that of the 20 ms around it."""
    bend = np.abs(np.diff(pcm, 2))
    around = np.concatenate([bend[max(0, at - 240) : at - 4], bend[at + 4 : at + 240]])
    return float(bend[max(0, at - 3) : at + 3].max() / max(around.max(initial=0), 2e-3))


@pytest.mark.parametrize("voice", [HEART, TENOR, JOE, ROBOT, "espeak:cmn", "espeak:de"])
async def test_all_voices_are_equally_loud(voicebook: VoiceBook, voice: str) -> None:
    levels = [level(await voicebook.render(voice, text)) for text in SENTENCES]
    assert abs(np.mean(levels) + 20) < 2
    assert np.abs(await voicebook.render(voice, SENTENCES[0])).max() <= 1.0


@pytest.mark.parametrize("voice", [HEART, TENOR, JOE, ROBOT])
async def test_a_clause_begins_and_ends_without_dead_air(voicebook: VoiceBook, voice: str) -> None:
    for text, tail in (("Hello there.", 180), ("Well, hello,", 90), ("Well hello", 30)):
        pcm = sound(await spoken(voicebook, text, voice))
        loud = np.flatnonzero(np.abs(pcm) > 0.01)
        assert loud[0] * 1000 / OUTPUT_RATE < 40
        silence = (len(pcm) - loud[-1]) * 1000 / OUTPUT_RATE
        assert tail - 5 <= silence < tail + 40
        assert pcm[0] == 0 and abs(pcm[-1]) < 1e-3


@pytest.mark.parametrize("voice", [HEART, TENOR, JOE, ROBOT])
async def test_no_clicks_within_clauses_or_between_them(voicebook: VoiceBook, voice: str) -> None:
    joints: list[int] = []
    parts: list[FloatArray] = []
    at = 0
    clauses = ["Well, here we go,", "this is the second part", "and this is the last one, as you hear."]
    for index, text in enumerate(clauses):
        for piece in await spoken(voicebook, text, voice, index):
            parts.append(piece.pcm)
            at += len(piece.pcm)
            joints.append(at)
    pcm = np.concatenate(parts)
    assert len(joints) >= 3
    measured = [roughness(pcm, joint) for joint in joints[:-1]]
    assert max(measured) < 2
    clicked = pcm.copy()
    for joint in joints[:-1]:
        clicked[joint:] += 0.1
    seen = [roughness(clicked, joint) for joint in joints[:-1]]
    # A step within loud speech hides in it, to the ear as to the measure; the largest is what is judged above.
    assert max(seen) > 3, "the measure must see a click"


def hiss(pcm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """dB above 4.5 kHz, less those below 3 kHz, in windows of 20 ms, and their middles in ms: sibilants stand out."""
    size, hop = 480, 120
    windows = np.lib.stride_tricks.sliding_window_view(pcm, size)[::hop] * np.hanning(size)
    spectrum = np.abs(np.fft.rfft(windows)) ** 2
    hz = np.fft.rfftfreq(size, 1 / OUTPUT_RATE)
    high, low = (spectrum[:, band].sum(axis=1) + 1e-4 for band in (hz > 4500, (hz > 300) & (hz < 3000)))
    middles = (np.arange(len(high)) * hop + size / 2) * 1000 / OUTPUT_RATE
    return (10 * np.log10(high / low)).astype(np.float32), middles.astype(np.float32)


@pytest.mark.parametrize("voice", [HEART, TENOR, JOE, ROBOT])
async def test_phoneme_times_fit_the_sound_within_20_ms(voicebook: VoiceBook, voice: str) -> None:
    lags, quiet = [], []
    for text in (
        "She sells sea shells, by the sea shore, said Susan.",
        "Yes, this is a simple lesson about the size of six spaces.",
        "Six sisters sat and sang some songs, Sam says.",
    ):
        pieces = await spoken(voicebook, text, voice)
        pcm = sound(pieces)
        energy, middles = hiss(pcm)
        label = np.zeros(len(energy))
        for phoneme in phonemes(pieces):
            if phoneme.symbol.endswith(("s", "z", "ʃ", "ʒ")):
                label[(middles >= phoneme.start_ms) & (middles < phoneme.end_ms)] = 1
            if not phoneme.symbol and phoneme.end_ms - phoneme.start_ms > 60:
                begin, end = (int(t * OUTPUT_RATE / 1000) for t in (phoneme.start_ms + 20, phoneme.end_ms - 20))
                quiet.append(float(np.sqrt(np.mean(pcm[begin:end] ** 2))))
        fits = [np.corrcoef(np.roll(label, lag)[20:-20], energy[20:-20])[0, 1] for lag in range(-16, 17)]
        lags.append((int(np.argmax(fits)) - 16) * 5)
        assert max(fits) > 0.45
    assert abs(np.mean(lags)) <= 15 and max(map(abs, lags)) <= 20
    assert quiet and np.median(quiet) < 0.005


@given(st.lists(st.floats(-8, 8), min_size=1, max_size=50))
def test_nothing_clips_and_quiet_sound_is_untouched(samples: list[float]) -> None:
    pcm = np.array(samples, np.float32)
    out = limit(pcm)
    assert np.abs(out).max() <= 1.0
    assert np.array_equal(out[np.abs(pcm) <= 0.7], pcm[np.abs(pcm) <= 0.7])


def heard_before() -> Leveller:
    leveller = Leveller()
    leveller.learn(0.01, 1.0)
    return leveller


@settings(max_examples=settings().max_examples * 2 // 5)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=12), st.sampled_from([16_000, 22_050, 24_000]))
def test_shaping_in_pieces_is_shaping_at_once(sizes: list[int], rate: int) -> None:
    noise = np.random.default_rng(3).standard_normal(sum(sizes)).astype(np.float32) * 0.05
    noise[: rate // 20] = 0
    clause = Clause("Hello.", "Hello.", "en", 0)
    timeline = ClauseTiming((), (Phoneme("a", 0, 1e9),))
    whole = Shaper(clause, rate, heard_before(), timeline).finish(noise)
    shaper = Shaper(clause, rate, heard_before(), timeline)
    pieces = [shaper.push(part) for part in np.split(noise, np.cumsum(sizes)[:-1])]
    said = [piece for piece in pieces if piece is not None] + [shaper.finish()]
    joined = np.concatenate([piece.pcm for piece in said])
    assert abs(len(joined) - len(whole.pcm)) <= OUTPUT_RATE // 100
    shared = min(len(joined), len(whole.pcm)) - 200
    assert np.abs(joined[:shared] - whole.pcm[:shared]).max(initial=0) < 0.02
    assert all(p.end_ms <= piece.duration_ms + 0.01 for piece in said for p in piece.phonemes)


def test_pauses_follow_the_punctuation() -> None:
    assert tail_ms("Done.") == tail_ms("真的吗？") == tail_ms("“Yes.”") == 180
    assert tail_ms("Well,") == tail_ms("你好，") == 90
    assert tail_ms("the first part") == 30
