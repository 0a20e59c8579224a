"""``python -m engine voices list|say|pull``: list voices, synthesize a text, fetch Coqui voices.

Exit status: 0 for success; 1 if a voice is missing or fails; 2 for an invalid argument or setting.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import numpy as np

from engine.audio.pcm import to_wav
from engine.errors import EngineError, SettingsError
from engine.items import OUTPUT_RATE, Clause
from engine.settings import Settings, load_settings
from engine.speaking.espeak import PREFIX as ESPEAK
from engine.speaking.voices import VoiceBook, build_voicebook
from engine.text.clauses import ClauseSplitter
from engine.text.speakable import speakable


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        settings = load_settings([])
        if args.command == "pull":
            from engine.speaking.coqui_pull import pull

            return pull(args.model, settings.models_dir or settings.cache_dir / "pulled", args.accept_licence)
        return asyncio.run(_with_voices(args, settings))
    except BrokenPipeError:
        # The reader has closed the pipe (`list | head`). Python would raise again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SettingsError as error:
        print(error.message, file=sys.stderr)
        return 2
    except EngineError as error:
        print(error.message, file=sys.stderr)
        return 1


async def _with_voices(args: argparse.Namespace, settings: Settings) -> int:
    wanted = getattr(args, "voice", None)
    if wanted:
        settings = settings.model_copy(update={"voice": wanted})
    book = await asyncio.to_thread(build_voicebook, settings)
    try:
        if args.command == "list":
            if args.cost:
                await book.warm_up([voice.id for voice in book.voices if not voice.id.startswith(ESPEAK)])
            _show(book)
        else:
            await _say(book, args.text, args.language, args.output)
    finally:
        book.close()
    return 0


def _show(book: VoiceBook) -> None:
    for voice in book.describe():
        notes = ["default"] if voice["default"] else []
        notes += [] if voice["timed"] else ["no phoneme times"]
        if voice["real_time_factor"] is not None:
            notes.append(f"{voice['real_time_factor']} s a second of speech")
        line = f"{voice['id']:28} {voice['language']:4} {voice['presents'] or '-':6} {voice['licence'] or '-':17}"
        print(f"{line} {voice['name']}" + (f"  ({', '.join(notes)})" if notes else ""))


async def _say(book: VoiceBook, text: str, language: str | None, output: Path) -> None:
    spoken_in = language or book.voice(book.default).language
    splitter = ClauseSplitter(spoken_in)
    texts = [*splitter.push(text), *splitter.flush()]
    pieces = [
        speech.pcm
        for index, part in enumerate(texts)
        async for speech in book.speak(Clause(part, speakable(part, spoken_in), spoken_in, index))
    ]
    pcm = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    await asyncio.to_thread(output.write_bytes, to_wav(pcm, OUTPUT_RATE))
    print(f"{output}: {len(pcm) / OUTPUT_RATE:.1f} s")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine voices", description="List, try and fetch voices.")
    commands = parser.add_subparsers(dest="command", required=True)
    shown = commands.add_parser("list", help="show all voices: id, language, whom it sounds like, licence, name")
    shown.add_argument("--cost", action="store_true", help="let every neural voice speak, and show what that costs")
    say = commands.add_parser("say", help="synthesize a text to a WAV file")
    say.add_argument("text", help="the text to speak")
    say.add_argument("--voice", help="the voice's id (default: the setting voice)")
    say.add_argument("--language", help="ISO 639-1 code of the text (default: the voice's language)")
    say.add_argument("-o", "--output", type=Path, default=Path("out.wav"), help="the file to write (default: out.wav)")
    pull = commands.add_parser("pull", help="show a Coqui model's licence, and fetch the model if you accept it")
    pull.add_argument("model", help="the model's name, for example tts_models/en/ljspeech/vits")
    pull.add_argument("--accept-licence", action="store_true", help="I have read the licence and agree to it")
    return parser
