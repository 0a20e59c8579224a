"""Makes the small spoken fixtures beside this file, with espeak-ng: python tests/data/make_speech.py"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import av
import espeakng_loader
import numpy as np
import numpy.typing as npt

HERE = Path(__file__).parent
SENTENCES = {"question_zh.ogg": ("cmn+f3", 130, "你好，请问什么是光合作用？")}
"""File: voice, words a minute, text."""

SYNCHRONOUS, UTF8, RATE_PARAMETER = 2, 1, 1


def speak(voice: str, speed: int, text: str) -> tuple[npt.NDArray[np.int16], int]:
    """(n,) int16 and its sample rate."""
    espeak = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = espeak.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    pieces: list[npt.NDArray[np.int16]] = []

    def take(samples: Any, count: int, _events: object) -> int:
        if samples and count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    form = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    callback = form(take)
    espeak.espeak_SetSynthCallback(callback)
    if espeak.espeak_SetVoiceByName(voice.encode()):
        raise SystemExit(f"espeak-ng has no voice {voice}")
    espeak.espeak_SetParameter(RATE_PARAMETER, speed, 0)
    spoken = text.encode()
    espeak.espeak_Synth(spoken, len(spoken) + 1, 0, 1, 0, UTF8, None, None)
    espeak.espeak_Synchronize()
    return np.concatenate(pieces), rate


def main() -> None:
    for name, (voice, speed, text) in SENTENCES.items():
        pcm, rate = speak(voice, speed, text)
        with av.open(str(HERE / name), "w", format="ogg") as container:
            stream = container.add_stream("libopus", rate=48_000, layout="mono")
            stream.bit_rate = 24_000
            resampler = av.AudioResampler(stream.format, stream.layout, 48_000)
            frame = av.AudioFrame.from_ndarray(pcm[None], "s16", "mono")
            frame.sample_rate = rate
            for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
                container.mux(stream.encode(piece))
        print(name, f"{len(pcm) / rate:.1f} s", (HERE / name).stat().st_size, "bytes")


if __name__ == "__main__":
    main()
