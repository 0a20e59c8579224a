"""Every voice of the machine behind one door: which one speaks a language, and speaking with it.

In: a ``Clause`` and the id of the voice the tutor wants. Out: its ``Speech``. Runs on the event
loop; the synthesizers compute in their own workers. ``close`` ends them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import structlog

from engine.audio.pcm import to_wav
from engine.concurrency.worker import Worker
from engine.contracts import Synthesizer, Voice
from engine.errors import InvalidField, SettingsError, SynthesisFailed
from engine.items import OUTPUT_RATE, Clause, FloatArray, Speech
from engine.models.catalog import locate, voice_config
from engine.settings import Settings
from engine.speaking.espeak import PREFIX as ESPEAK
from engine.speaking.espeak import EspeakSynthesizer
from engine.speaking.piper import PREFIX as PIPER
from engine.speaking.piper import PiperSynthesizer
from engine.speaking.samples import sample_text
from engine.speaking.speech_endpoint import PREFIX as SPEECH
from engine.speaking.speech_endpoint import SpeechEndpoint, SpeechServer, SpeechTimeouts

_log = structlog.get_logger(__name__)

EMBEDDED = "en_US-joe-medium"
"""The Piper voice that comes with the engine."""

_ALIASES = {"cmn": "zh", "nb": "no", "nn": "no", "iw": "he", "in": "id", "jw": "jv"}


class VoiceBook:
    """All synthesizers as one.

    Args:
        synthesizers: in order of preference; the first with a voice of a language speaks it.
        default: id of the voice that speaks its language when a tutor names none.

    Raises:
        InvalidField: no such default voice.
    """

    def __init__(self, synthesizers: Sequence[Synthesizer], default: str) -> None:
        self._synthesizers = tuple(synthesizers)
        self._by_id = {voice.id: (synth, voice) for synth in synthesizers for voice in synth.voices}
        self._samples: dict[str, asyncio.Task[bytes]] = {}
        self.default = self.voice(default).id

    @property
    def voices(self) -> Sequence[Voice]:
        """Of all synthesizers, in order of preference."""
        return [voice for _, voice in self._by_id.values()]

    def voice(self, voice_id: str) -> Voice:
        """The voice of this id.

        Raises:
            InvalidField: there is none; names those there are.
        """
        if voice_id not in self._by_id:
            neural = [known for known in self._by_id if not known.startswith(ESPEAK)]
            robotic = len(self._by_id) - len(neural)
            raise InvalidField(
                f"voice: there is no {voice_id[:80]!r}; known are {', '.join(neural) or 'no neural ones'}"
                + (f" and {robotic} of espeak-ng ({ESPEAK}en-us, {ESPEAK}cmn, …)" if robotic else "")
            )
        return self._by_id[voice_id][1]

    def choose(self, language: str, preferred: str | None = None) -> tuple[Synthesizer, Voice]:
        """Who speaks ``language`` (ISO 639-1): the preferred voice if it does, else the best that does.

        A language nobody speaks falls to the preferred (or default) voice.

        Raises:
            InvalidField: the preferred id is unknown.
        """
        language = _ALIASES.get(language, language)
        wanted = self.voice(preferred or self.default)
        for voice in (wanted, self.voice(self.default), *self.voices):
            if voice.speaks(language):
                return self._by_id[voice.id]
        _log.warning("no_voice_for_language", language=language, voice=wanted.id)
        return self._by_id[wanted.id]

    def stand_in(self, language: str, failed: str) -> str | None:
        """Id of a voice of this machine and another engine that speaks the language, for when ``failed`` did."""
        language = _ALIASES.get(language, language)
        engines = (failed.partition(":")[0], SPEECH.rstrip(":"))
        others = [voice for voice in self.voices if voice.id.partition(":")[0] not in engines]
        return next((voice.id for voice in others if voice.speaks(language)), None)

    async def speak(self, clause: Clause, preferred: str | None = None) -> AsyncIterator[Speech]:
        """Stream a clause in its language; see ``Synthesizer.speak``.

        Raises:
            SynthesisFailed: the voice broke.
            InvalidField: the preferred id is unknown.
        """
        synthesizer, voice = self.choose(clause.language, preferred)
        pieces = synthesizer.speak(clause, voice)
        try:
            async for speech in pieces:
                yield speech
        finally:
            if isinstance(pieces, AsyncGenerator):
                await pieces.aclose()

    async def warm_up(self, preferred: Sequence[str] = ()) -> None:
        """Let the default and the preferred voices speak once: later calls are as fast as they get,
        and each voice's loudness is known. A speech server may be down now and come later."""
        for voice_id in dict.fromkeys([self.default, *preferred]):
            try:
                await self.render(voice_id, sample_text(self.voice(voice_id).language))
            except SynthesisFailed as error:
                if not voice_id.startswith(SPEECH):
                    raise
                _log.warning("speech_server_not_warm", voice=voice_id, error=error.message)

    async def render(self, voice_id: str, text: str, language: str | None = None) -> FloatArray:
        """A text as one piece of sound, (n,) float32 24 kHz.

        Raises:
            InvalidField: unknown voice.
            SynthesisFailed: the voice broke.
        """
        synthesizer, voice = self._by_id[self.voice(voice_id).id]
        clause = Clause(text, text, language or voice.language, 0)
        return np.concatenate([speech.pcm async for speech in synthesizer.speak(clause, voice)])

    async def sample(self, voice_id: str) -> bytes:
        """A WAV file in which the voice says a sentence in its language. Made once.

        Raises:
            InvalidField: unknown voice.
            SynthesisFailed: the voice broke.
        """
        voice = self.voice(voice_id)
        task = self._samples.get(voice.id)
        if task is None:
            task = self._samples[voice.id] = asyncio.create_task(self._make_sample(voice), name=f"sample {voice.id}")
        try:
            return await asyncio.shield(task)
        finally:
            if task.done() and (task.cancelled() or task.exception()):
                self._samples.pop(voice.id, None)

    async def _make_sample(self, voice: Voice) -> bytes:
        return to_wav(await self.render(voice.id, sample_text(voice.language)), OUTPUT_RATE)

    def describe(self) -> list[dict[str, object]]:
        """The voices as ``GET /v1/voices`` lists them."""
        return [
            {
                "id": voice.id,
                "name": voice.name,
                "language": voice.language,
                "engine": voice.id.partition(":")[0],
                "timed": voice.timed,
                "default": voice.id == self.default,
                "sample_text": sample_text(voice.language),
            }
            for voice in self.voices
        ]

    def close(self) -> None:
        """End all workers. No call may be running."""
        for synthesizer in self._synthesizers:
            synthesizer.close()


def build_voicebook(settings: Settings) -> VoiceBook:
    """All voices the settings and the model folders offer. Blocking (loads models).

    Raises:
        ModelMissing: a voice's file is missing or damaged, or what it needs is not installed.
        InvalidField: ``settings.voice`` names none of them.
        SettingsError: a voice of the speech server is not written as NAME or NAME=LANGUAGE.
    """
    worker = Worker("tts", settings.tts.workers)
    synthesizers: list[Synthesizer] = [PiperSynthesizer(piper_models(settings), worker, settings.tts.threads)]
    coqui = coqui_models(settings)
    if coqui:
        # The package is an extra: it is imported only where its models are.
        from engine.speaking.coqui import CoquiSynthesizer

        synthesizers.append(CoquiSynthesizer(coqui, settings.device))
    if settings.speech.base_url:
        synthesizers.append(_speech_endpoint(settings, settings.speech.base_url))
    return VoiceBook([*synthesizers, EspeakSynthesizer()], settings.voice)


def _speech_endpoint(settings: Settings, base_url: str) -> SpeechEndpoint:
    key = settings.speech.api_key.get_secret_value() if settings.speech.api_key else None
    listed = list(settings.speech.voices)
    own = settings.voice.removeprefix(SPEECH)
    if settings.voice.startswith(SPEECH) and own not in (item.partition("=")[0] for item in listed):
        listed.insert(0, own)
    voices = []
    for item in listed:
        name, _, language = item.partition("=")
        if not name:
            raise SettingsError(f"speech_voices: {item!r} is not NAME or NAME=LANGUAGE")
        voices.append((name, language or "*"))
    timeouts = SpeechTimeouts(
        connect_s=settings.speech.connect_timeout_s,
        first_audio_s=settings.speech.first_sound_timeout_s,
        gap_s=settings.speech.gap_timeout_s,
    )
    return SpeechEndpoint(SpeechServer(base_url, settings.speech.model, key, settings.speech.format), voices, timeouts)


def coqui_models(settings: Settings) -> list[Path]:
    """Folders of Coqui models: those in ``coqui/`` of the models folder and those pulled."""
    roots = [root for root in (settings.models_dir, settings.cache_dir / "pulled") if root is not None]
    return sorted(config.parent for root in roots for config in (root / "coqui").glob("*/config.json"))


def piper_models(settings: Settings) -> list[Path]:
    """The embedded Piper voice, those in the models folder, and the one the settings name; prepared."""
    own = sorted(settings.models_dir.glob("*.onnx")) if settings.models_dir else []
    wanted = {path.stem.removeprefix("piper-"): str(path) for path in own if voice_config(path).is_file()}
    wanted.setdefault(EMBEDDED, f"piper-{EMBEDDED}")
    if settings.voice.startswith(PIPER):
        name = settings.voice.removeprefix(PIPER)
        wanted.setdefault(name, f"piper-{name}")
    return [locate(model, settings.models_dir, settings.cache_dir) for model in wanted.values()]
