"""A turn: no sample of sound is lost, and the face goes with it from the first frame on."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.animation.coarticulation import mouth_track, segments
from engine.animation.energy import energy_track, loudness_db
from engine.animation.gestures import Gesture, plan
from engine.animation.idle_motion import IdleMotion
from engine.animation.pose import CHANNEL, POSE_CHANNELS
from engine.animation.reply_animator import HOLD_FRAMES, TAIL_FRAMES, ReplyAnimator
from engine.animation.settling import Settling
from engine.items import (
    FPS,
    FRAME_SAMPLES,
    OUTPUT_RATE,
    AnimatedFrame,
    Clause,
    FloatArray,
    Phoneme,
    Speech,
    Word,
)

JAW, CLOSE, PITCH = CHANNEL["jaw_open"], CHANNEL["mouth_close"], CHANNEL["head_pitch"]
CLAUSE = Clause("Papa may map a beam.", "Papa may map a beam.", "en", 0)


def tone(samples: int, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).uniform(-0.3, 0.3, samples).astype(np.float32)


def phonemes(symbols: str, length_ms: float = 80) -> tuple[Phoneme, ...]:
    return tuple(Phoneme(s, i * length_ms, (i + 1) * length_ms, 2) for i, s in enumerate(symbols))


def said(symbols: str, *, last: bool = True, length_ms: float = 80, text: str = CLAUSE.text) -> Speech:
    pcm = tone(round(len(symbols) * length_ms / 1000 * OUTPUT_RATE), len(symbols))
    return Speech(replace(CLAUSE, text=text), pcm, phonemes=phonemes(symbols, length_ms), last=last)


def heard(samples: int, *, last: bool = True) -> Speech:
    """Speech of a voice that tells no times."""
    return Speech(CLAUSE, tone(samples, samples), last=last)


def poses(frames: list[AnimatedFrame]) -> FloatArray:
    return np.stack([frame.pose for frame in frames])


def test_it_is_an_animator() -> None:
    animator = ReplyAnimator(IdleMotion(1), 0.0)
    assert animator.finish() == []


@settings(max_examples=settings().max_examples * 3 // 5)
@given(
    st.lists(st.tuples(st.integers(0, 5000), st.booleans(), st.booleans()), max_size=8),
    st.integers(0, 10),
)
def test_sound_is_the_speech_and_then_silence(pieces: list[tuple[int, bool, bool]], seed: int) -> None:
    animator = ReplyAnimator(IdleMotion(seed), 3.0, energy_track)
    fed, frames = [], []
    for samples, last, timed in pieces:
        length_ms = samples * 1000 / OUTPUT_RATE
        speech = replace(heard(samples, last=last), phonemes=(Phoneme("a", 0, length_ms),) if timed else ())
        fed.append(speech.pcm)
        frames += animator.feed(speech)
        given_s = len(frames) * FRAME_SAMPLES
        behind = sum(map(len, fed)) - given_s
        assert 0 <= behind < FRAME_SAMPLES * (1 if last else 1 + HOLD_FRAMES)
    frames += animator.finish()
    speech_pcm = np.concatenate([np.zeros(0, dtype=np.float32), *fed])
    pcm = np.concatenate([np.zeros(0, dtype=np.float32), *(frame.pcm for frame in frames)])
    assert np.array_equal(pcm[: len(speech_pcm)], speech_pcm)
    assert not pcm[len(speech_pcm) :].any()
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(frame.pcm.shape == (FRAME_SAMPLES,) and frame.pose.shape == (len(POSE_CHANNELS),) for frame in frames)
    spoken = -(-len(speech_pcm) // FRAME_SAMPLES)
    assert [frame.speaking for frame in frames] == [i < spoken for i in range(len(frames))]
    assert len(frames) == (spoken + TAIL_FRAMES if len(speech_pcm) else 0)
    assert not frames or poses(frames)[-1, :12].max() < 0.2  # nothing but a smile is left


def test_the_first_clause_gives_frames_at_once() -> None:
    assert len(ReplyAnimator(IdleMotion(1), 0.0).feed(said("hælo"))) == 8


def test_a_streaming_piece_gives_all_but_the_look_ahead() -> None:
    animator = ReplyAnimator(IdleMotion(1), 0.0)
    assert len(animator.feed(said("hælo", last=False))) == 8 - HOLD_FRAMES
    assert len(animator.feed(said("mapa"))) == 8 + HOLD_FRAMES


def test_a_piece_that_tells_what_follows_holds_nothing_back_and_moves_the_mouth_the_same() -> None:
    symbols, step = "mapafasuwitobema", 4
    whole = ReplyAnimator(IdleMotion(1), 0.0).feed(said(symbols))
    animator, pieces = ReplyAnimator(IdleMotion(1), 0.0), []
    for i in range(0, len(symbols), step):
        piece = said(symbols[i : i + step], last=i + step == len(symbols))
        following = said(symbols[i + step : i + 2 * step]).phonemes if not piece.last else ()
        ahead = tuple(
            replace(p, start_ms=p.start_ms + piece.duration_ms, end_ms=p.end_ms + piece.duration_ms) for p in following
        )
        given = animator.feed(replace(piece, ahead=ahead))
        assert len(given) == 8
        pieces += given
    assert np.abs(poses(pieces)[:, :12] - poses(whole)[:, :12]).max() < 0.02


def test_streaming_in_pieces_moves_the_mouth_as_one_piece_does() -> None:
    symbols = "mapafasuwitobema"
    whole = ReplyAnimator(IdleMotion(1), 0.0).feed(said(symbols))
    animator, pieces = ReplyAnimator(IdleMotion(1), 0.0), []
    for i in range(0, len(symbols), 4):
        pieces += animator.feed(said(symbols[i : i + 4], last=i + 4 == len(symbols)))
    mouth = np.abs(poses(pieces)[:, :12] - poses(whole)[:, :12])
    assert mouth.max() < 0.12 and mouth.mean() < 0.005


def test_the_mouth_is_the_phoneme_track_at_the_middle_of_each_frame() -> None:
    speech = said("mapafasuwitobema")
    frames = ReplyAnimator(IdleMotion(1), 0.0).feed(speech)
    times = ((np.arange(len(frames)) + 0.5) / FPS).astype(np.float32)
    track = mouth_track(segments(speech.phonemes), times)
    # The first frames ease in from rest.
    assert np.abs(poses(frames)[6:, JAW] - track[6:, JAW]).max() < 0.01
    assert np.abs(poses(frames)[6:, CLOSE] - track[6:, CLOSE]).max() < 0.01


def test_a_closure_at_the_very_start_of_the_turn_is_shut() -> None:
    frames = ReplyAnimator(IdleMotion(1), 0.0).feed(said("pa"))
    assert poses(frames)[:2, CLOSE].max() > 0.99


def test_the_next_clause_joins_without_a_jump() -> None:
    animator = ReplyAnimator(IdleMotion(1), 0.0)
    first = animator.feed(said("hælo"))
    second = animator.feed(said("owao"))
    jaw = poses(first + second)[:, JAW]
    at = len(first)
    assert abs(jaw[at] - jaw[at - 1]) < 0.3


def test_the_mouth_rests_200_ms_after_the_last_sound() -> None:
    animator = ReplyAnimator(IdleMotion(1), 0.0)
    frames = animator.feed(said("aaaa")) + animator.finish()
    tail = poses(frames)[-TAIL_FRAMES:]
    assert tail[4:, JAW].max() < 0.03


def test_head_and_eyes_go_on_smoothly_from_idle_to_speech_and_back() -> None:
    idle_motion = IdleMotion(6)
    before = [idle_motion.idle_frame(10 + i / FPS, "listening") for i in range(50)]
    animator = ReplyAnimator(idle_motion, 12.0)
    turn = animator.feed(said("hælomapasu" * 5)) + animator.finish()
    end = 12.0 + len(turn) / FPS
    settling = Settling()
    settling.spoken(turn[-1].pose)
    after = [settling.settle(idle_motion.pose(end + i / FPS, "idle"), end + i / FPS) for i in range(50)]
    every = np.concatenate([poses(before + turn), after])
    still = [i for name, i in CHANNEL.items() if name.startswith(("head", "brow", "breath", "cheek"))]
    assert np.abs(np.diff(every[:, still], axis=0)).max() < 0.16  # twice what idle motion may; gestures come on top
    assert np.abs(np.diff(every[:, CHANNEL["mouth_smile"]])).max() < 0.1


def test_the_same_turn_is_animated_the_same_way() -> None:
    one, two = (poses(ReplyAnimator(IdleMotion(4), 7.0).feed(said("hælomapa" * 4))) for _ in range(2))
    assert np.array_equal(one, two)


def test_a_voice_without_times_still_moves_and_rests() -> None:
    pcm = np.concatenate([tone(24000), np.zeros(12000, dtype=np.float32), tone(12000)])
    animator = ReplyAnimator(IdleMotion(1), 0.0, energy_track)
    frames = animator.feed(Speech(CLAUSE, pcm)) + animator.finish()
    jaw = poses(frames)[:, JAW]
    assert jaw[4:24].min() > 0.2 and jaw[30:36].max() < 0.05 and jaw[-2:].max() < 0.05


def test_audio_driven_pieces_agree_with_the_whole() -> None:
    pcm = tone(48000) * np.sin(np.arange(48000) / 3000).astype(np.float32)
    whole = ReplyAnimator(IdleMotion(1), 0.0, energy_track).feed(Speech(CLAUSE, pcm))
    animator, pieces = ReplyAnimator(IdleMotion(1), 0.0, energy_track), []
    for at in range(0, 48000, 4000):
        pieces += animator.feed(Speech(CLAUSE, pcm[at : at + 4000], last=at + 4000 >= 48000))
    assert np.abs(poses(pieces)[:, JAW] - poses(whole)[:, JAW]).max() < 0.1


def test_feeding_a_finished_turn_is_refused() -> None:
    animator = ReplyAnimator(IdleMotion(1), 0.0)
    animator.finish()
    with pytest.raises(RuntimeError):
        animator.feed(said("a"))


def test_memory_of_a_long_turn_is_bounded() -> None:
    animator = ReplyAnimator(IdleMotion(1), 0.0)
    for _ in range(50):
        animator.feed(said("hælomapasuwi", last=False))
    assert len(pickle.dumps(animator)) < 300_000  # a second or two of it, not 48 s


def test_loudness_of_full_scale_is_zero_db() -> None:
    assert loudness_db(np.ones(FRAME_SAMPLES * 2, dtype=np.float32)) == pytest.approx([0, 0], abs=0.01)
    assert energy_track(np.zeros(100, dtype=np.float32)).shape == (0, 12)


# --- gestures


def worded(text: str, loud: int, **changes: Any) -> Speech:
    """Half a second a word; the ``loud``-th is loud."""
    words = text.split()
    pcm = np.concatenate([tone(12000, i) * (1.0 if i == loud else 0.25) for i in range(len(words))])
    spans = tuple(Word(w, i * 500, (i + 1) * 500) for i, w in enumerate(words))
    return replace(Speech(replace(CLAUSE, text=text), pcm, words=spans), **changes)


def nods(gestures: list[Gesture]) -> list[Gesture]:
    return [g for g in gestures if g.channel == PITCH and g.amount < 0]


def test_nods_fall_on_the_loud_content_word() -> None:
    speech = worded("well that would certainly be", loud=3)
    found = [nods(plan(speech, 10.0, 10.0, np.random.default_rng(seed))) for seed in range(40)]
    peaks = [g.start_s + g.attack_s for gs in found for g in gs]
    assert len(peaks) > 20
    assert all(11.5 <= peak <= 12.0 for peak in peaks)


def test_a_nod_waits_for_the_stressed_vowel() -> None:
    vowel = Phoneme("ɜ", 1560, 1640, 2)
    speech = worded("well that would certainly be", loud=3, phonemes=(vowel,))
    found = next(g for seed in range(40) for g in nods(plan(speech, 0.0, 0.0, np.random.default_rng(seed))))
    assert found.start_s + found.attack_s == pytest.approx(1.6)


def test_questions_raise_the_brows_at_their_end() -> None:
    brow = CHANNEL["brow_inner_up"]
    asked = plan(worded("is it so?", loud=9), 0.0, 0.0, np.random.default_rng(0))
    stated = plan(worded("it is so.", loud=9), 0.0, 0.0, np.random.default_rng(0))
    assert any(g.channel == brow and g.end_s > 1.4 for g in asked)
    assert not any(g.channel == brow for g in stated)


def test_shouted_words_flash_the_brows() -> None:
    found = plan(worded("this is NEVER right", loud=9), 0.0, 0.0, np.random.default_rng(0))
    assert any(g.channel == CHANNEL["brow_outer_up"] and 1.0 < g.start_s + g.attack_s < 1.5 for g in found)


def test_no_gesture_starts_in_the_past() -> None:
    for seed in range(20):
        found = plan(worded("certainly not so!", loud=0), 5.0, 5.3, np.random.default_rng(seed))
        assert all(g.start_s >= 5.3 for g in found)


def test_a_gesture_rises_holds_and_returns() -> None:
    gesture = Gesture(0, 0.5, 1.0, 0.2, 0.1, 0.3)
    assert gesture.at(0.99) == 0 and gesture.at(1.25) == 0.5 and gesture.at(1.6) == pytest.approx(0, abs=1e-6)
    values = [gesture.at(1 + i / 100) for i in range(61)]
    assert max(abs(np.diff(values))) < 0.06
