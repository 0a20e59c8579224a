"""Changing rates keeps time and tone, whole or in pieces."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.resampling import Resampler, resample
from tests.audio.containers import tone


@pytest.mark.parametrize(
    ("from_rate", "to_rate"), [(48_000, 16_000), (44_100, 16_000), (22_050, 24_000), (8_000, 16_000), (16_000, 16_000)]
)
def test_resampling_keeps_time_and_tone(from_rate: int, to_rate: int) -> None:
    out = resample(tone(1.0, 1000.0, from_rate), from_rate, to_rate)
    assert len(out) == to_rate
    expected = tone(1.0, 1000.0, to_rate)
    assert float(np.abs(out - expected)[200:-200].max()) < 1e-3


def test_resampling_in_pieces_is_resampling_at_once() -> None:
    pcm = np.random.default_rng(0).uniform(-0.5, 0.5, 44_100).astype(np.float32)
    resampler = Resampler(44_100)
    pieces = [resampler.push(pcm[i : i + 441]) for i in range(0, len(pcm), 441)]
    assert sum(map(len, pieces)) > 15_900, "only a filter's length may be held back"
    whole = np.concatenate([*pieces, resampler.flush()])
    assert np.allclose(whole[:16_000], resample(pcm, 44_100), atol=1e-5)


@pytest.mark.parametrize("rate", [0, -1, 100, 10_000_000])
def test_rates_no_microphone_has(rate: int) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        Resampler(rate)
