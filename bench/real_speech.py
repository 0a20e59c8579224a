"""Recordings of real people through the listener in real time: which pauses does it take for the end?

    python bench/real_speech.py talk.wav lecture.mp3    any files FFmpeg can read

Sample recordings come in the source packages of pocketsphinx and silero-vad (``pip download --no-deps
--no-binary :all: silero-vad``) and in the wheel of useful-moonshine-onnx. Real voice detector, turn model and
recognizer and small language model; no tutor speaks.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import numpy as np

from engine.audio.decoding import decode
from engine.items import INPUT_RATE, AudioChunk, FloatArray
from engine.llm.completion import COMPLETION_MODEL, EmbeddedCompletion
from engine.llm.embedded import EmbeddedModel, EmbeddedServer
from engine.models.catalog import locate
from engine.models.gguf import faster_prompts
from engine.recognition.recognizer import WhisperRecognizer
from engine.recognition.silero import SileroVad
from engine.settings import Settings
from engine.turn_taking.events import UserTurnEnded, UserTurnReopened
from engine.turn_taking.listener import Listener
from engine.turn_taking.smart_turn import SmartTurn

CHUNK = INPUT_RATE // 50
AFTER_S = 4
"""Silence after a recording, so that its last user turn ends."""


def sound_of(file: Path) -> FloatArray:
    """(n,) float32 16 kHz, with silence at the end."""
    pcm = decode(file.read_bytes(), max_bytes=200_000_000, max_seconds=3600, max_decode_s=600)
    return np.concatenate((pcm, np.zeros(AFTER_S * INPUT_RATE, np.float32)))


async def listen(listener: Listener, pcm: FloatArray) -> None:
    """Play it in real time and print each end of a user turn."""

    async def report() -> None:
        async for event in listener.events:
            if isinstance(event, UserTurnEnded):
                at, late = event.acoustic_end_ms / 1000, event.timings["commit"]
                print(f"  {at:7.2f} s  + {late:4.0f} ms  {event.transcript.text}", flush=True)
            elif isinstance(event, UserTurnReopened):
                print("                       … went on:", flush=True)

    async with asyncio.TaskGroup() as group, listener:
        group.create_task(report())
        loop = asyncio.get_running_loop()
        began = loop.time()
        for start in range(0, len(pcm), CHUNK):
            await asyncio.sleep(max(0.0, began + (start + CHUNK) / INPUT_RATE - loop.time()))
            listener.push(AudioChunk(pcm[start : start + CHUNK], start))


async def run(files: list[Path], asr: str) -> None:
    """All of them, one after the other."""
    path = faster_prompts(locate(COMPLETION_MODEL), Settings(_cli_parse_args=False).cache_dir)
    async with EmbeddedServer(EmbeddedModel(path, slots=0, scoring_slots=1, context=512)) as server:
        word_model = EmbeddedCompletion(server, 0)
        await word_model.warm_up()
        await listen_to(files, asr, word_model)
        await word_model.close()


async def listen_to(files: list[Path], asr: str, word_model: EmbeddedCompletion) -> None:
    """All of them, with these models."""
    detector, model = SileroVad(locate("silero-vad")), SmartTurn(locate("smart-turn"))
    recognizer = WhisperRecognizer(locate(asr), detector, language="en")
    try:
        for file in files:
            pcm = sound_of(file)
            print(f"\n{file.name}, {len(pcm) / INPUT_RATE - AFTER_S:.0f} s")
            settings = Settings(_cli_parse_args=False)
            await listen(Listener(recognizer, detector, model, settings, completion=word_model, language="en"), pcm)
    finally:
        recognizer.close()
        model.close()
        detector.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--asr", default="whisper-base")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.files, arguments.asr))


if __name__ == "__main__":
    main()
