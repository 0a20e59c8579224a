"""Lip-sync on rendered pictures, as ``bench/lipsync.py`` measures it at length."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import lipsync
import lipsync_figures as figures
import numpy as np
import pytest
from mouth_pixels import features, mouth_box, openings

from engine.animation.idle_motion import IdleMotion
from engine.animation.phonemes import VISEMES
from engine.animation.visemes import viseme_pose
from engine.contracts import FrameRequest
from engine.items import AnimatedFrame, Clause, MediaFrame, Picture, Speech
from engine.rendering.puppet.renderer import PuppetRenderer
from engine.speaking.espeak import EspeakSynthesizer
from tests.torch_threads import one_torch_thread

AVATAR, SIZE = "avatar_tutor_13", 256
TEXTS = (lipsync.SENTENCES[0], lipsync.SENTENCES[1], lipsync.SENTENCES[4])


@pytest.fixture(scope="module")
def renderer() -> Iterator[PuppetRenderer]:
    with one_torch_thread():
        made = PuppetRenderer(size=SIZE)
        made.load(AVATAR)
        yield made
        made.close()


@pytest.fixture(scope="module")
def seen(renderer: PuppetRenderer) -> list[figures.Seen]:
    """Three sentences of an espeak-ng voice, drawn, with what rest and a wide mouth look like."""
    synthesizer = EspeakSynthesizer()
    voice = next(v for v in synthesizer.voices if v.id == "espeak:en-us")

    async def speak(text: str) -> list[Speech]:
        return [speech async for speech in synthesizer.speak(Clause(text, text, "en", 0), voice)]

    box = mouth_box(AVATAR, SIZE)
    found = []
    try:
        for seed, text in enumerate(TEXTS):
            pieces = asyncio.run(speak(text))
            frames = lipsync.perform(renderer, AVATAR, pieces, seed)
            rows = np.stack([features(f.picture.yuv, box) for f in frames if f.picture])
            rest = [features(p.yuv, box) for p in lipsync.rest_pictures(renderer, AVATAR, seed)]
            ah = features(lipsync.ah_picture(renderer, AVATAR).yuv, box)
            utterance = figures.Seen(
                rows, np.concatenate([f.pcm for f in frames]), lipsync.phonemes_of(pieces), np.stack(rest)
            )
            utterance.wide = float(openings(ah[None], utterance.rest)[0])
            found.append(utterance)
    finally:
        synthesizer.close()
    return found


def opening_of(renderer: PuppetRenderer, viseme: str) -> float:
    box = mouth_box(AVATAR, SIZE)

    def look(name: str) -> np.ndarray:
        frame = AnimatedFrame(0, np.zeros(960, np.float32), viseme_pose(name), False)
        request = FrameRequest(renderer.load(AVATAR), frame, 0.0, "test")
        return features(renderer.render([request])[0].yuv, box)[None]

    return float(openings(look(viseme), look("sil"))[0])


def test_visemes_open_the_drawn_mouth_as_they_should(renderer: PuppetRenderer) -> None:
    opening = {viseme: opening_of(renderer, viseme) for viseme in VISEMES}
    assert opening["aa"] > opening["E"] > opening["ih"] > opening["PP"]
    assert opening["PP"] < 0.1 * opening["aa"] and opening["sil"] == 0
    assert opening["SS"] < 0.6 * opening["aa"]


def test_picture_and_sound_are_within_a_frame(seen: list[figures.Seen]) -> None:
    assert abs(figures.lags(seen, figures.sounding)[0]) <= 40
    assert abs(figures.lags(seen, figures.wanted)[0]) <= 25


def test_lips_are_seen_shut_on_p_b_m_and_open_in_vowels(seen: list[figures.Seen]) -> None:
    centres = [figures.closure_centres(utterance.phonemes) for utterance in seen]
    weights = [len(c) for c in centres]
    assert sum(weights) > 15
    closed = [figures.closed_at(utterance, c) for utterance, c in zip(seen, centres, strict=True)]
    assert np.average(closed, weights=weights) >= 0.95
    assert np.mean([figures.vowels_open(utterance) for utterance in seen]) > 0.9


def test_lips_are_at_rest_soon_after_speech(seen: list[figures.Seen]) -> None:
    assert max(figures.rest_after_ms(utterance) for utterance in seen) <= 200


def test_moved_or_swapped_sound_scores_clearly_worse(seen: list[figures.Seen]) -> None:
    report = figures.summary(seen)
    truth, closed = report["sound_correlation"], report["closed_on_pbm"]
    for control in ("sound_late", "sound_early", "swapped"):
        correlation, closes = report[f"{control}_correlation"], report[f"{control}_closed_on_pbm"]
        assert correlation < truth - 0.15 and closes < closed - 0.3


def test_f_and_v_look_unlike_p_b_m(seen: list[figures.Seen]) -> None:
    table = figures.confusion(seen)
    for name, other in (("p b m", "f v"), ("f v", "p b m")):
        assert table[name][name] > 0.6 * sum(table[name].values())
        assert table[name][other] == 0


@pytest.mark.parametrize("how", ["clip", "stream"])
def test_a_decoded_file_keeps_the_sync(renderer: PuppetRenderer, seen: list[figures.Seen], how: str) -> None:
    frames = [
        MediaFrame(0, i, seen[0].pcm[i * 960 : (i + 1) * 960], picture, True)
        for i, picture in enumerate(_flaps(renderer, len(seen[0].features), seen[0]))
    ]
    decoded = lipsync.decode(lipsync.through_codec(frames, how, SIZE), AVATAR)
    # A stream shows its first picture for as long as AAC takes to begin.
    assert len(decoded.features) == len(frames) + (how == "stream")
    assert abs(figures.lag_ms([(decoded.opening, figures.sounding(decoded))])) <= 40


def _flaps(renderer: PuppetRenderer, count: int, utterance: figures.Seen) -> list[Picture]:
    """A mouth that opens exactly with loudness, so that only the codecs can move it."""
    level = figures.sounding(utterance)
    openness = (level - level.min()) / np.ptp(level)
    avatar, still = renderer.load(AVATAR), IdleMotion(0).idle_frame(0.0)
    frames = [AnimatedFrame(i, still.pcm, viseme_pose("aa", float(openness[i])), True) for i in range(count)]
    return renderer.render([FrameRequest(avatar, frame, 0.0, "test") for frame in frames])
