"""The embedded voice without its random variation: what is understood of it does not depend on luck."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from piper import PiperVoice

from engine.audio.resampling import resample
from engine.concurrency.worker import Worker
from engine.items import Clause, FloatArray, Speech
from engine.models.catalog import locate, voice_config
from engine.models.onnx import open_session
from engine.speaking.piper import PiperSynthesizer


class SteadyVoice:
    """The voice alone: the same sound for the same text, whatever was said before. Blocks while it computes."""

    def __init__(self) -> None:
        with _steady_model() as model:
            self._voice = PiperVoice.load(str(model))
            self._voice.session = open_session(model)  # one that does not spin
        self._said: dict[str, FloatArray] = {}

    def __call__(self, text: str) -> FloatArray:
        """Text to (n,) float32 mono 16 kHz."""
        if text not in self._said:
            pcm = np.concatenate([chunk.audio_float_array for chunk in self._voice.synthesize(text)])
            self._said[text] = resample(pcm.astype(np.float32), self._voice.config.sample_rate)
        return self._said[text]


async def steady_speech(texts: Iterable[str]) -> dict[str, list[Speech]]:
    """What the engine makes of the voice: the pieces of each text, with word times, at one loudness."""
    with _steady_model() as model:
        piper = PiperSynthesizer([model], Worker("piper"))
    try:
        (voice,) = piper.voices
        return {t: [piece async for piece in piper.speak(Clause(t, t, "en", 0), voice)] for t in texts}
    finally:
        piper.close()


@contextlib.contextmanager
def _steady_model() -> Iterator[Path]:
    """The voice's model beside a description in which its noise is zero."""
    whole = locate("piper-en_US-joe-medium")
    description = json.loads(voice_config(whole).read_text())
    description["inference"] |= {"noise_scale": 0.0, "noise_w": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / whole.name
        model.symlink_to(whole)
        voice_config(model).write_text(json.dumps(description))
        yield model
