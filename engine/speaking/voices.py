"""The voice book: all voices of all synthesizers; it chooses a voice for a language and speaks with it.

In: a ``Clause`` and the id of the tutor's voice. Out: ``Speech`` pieces. Runs on the event loop; the synthesizers
compute in workers of their own. ``close`` ends them all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import structlog

from engine.audio.pcm import to_wav
from engine.concurrency.worker import Worker
from engine.contracts import Presents, Synthesizer, Voice
from engine.errors import InvalidField, SettingsError, SynthesisFailed
from engine.items import OUTPUT_RATE, Clause, FloatArray, Speech
from engine.models.catalog import ModelStore, locate
from engine.models.known import CATALOG
from engine.settings import Settings
from engine.speaking.espeak import PREFIX as ESPEAK
from engine.speaking.espeak import EspeakSynthesizer
from engine.speaking.hibari import HibariSynthesizer
from engine.speaking.hibari_speakers import PREFIX as HIBARI
from engine.speaking.kokoro_voices import PREFIX as KOKORO
from engine.speaking.kokoro_voices import why_missing
from engine.speaking.languages import iso
from engine.speaking.piper_models import open_piper
from engine.speaking.samples import sample_text
from engine.speaking.speech_endpoint import PREFIX as SPEECH
from engine.speaking.speech_endpoint import SpeechEndpoint, SpeechServer, SpeechTimeouts

_log = structlog.get_logger(__name__)

DEFAULT = "hibari:heart"
"""The voice if the settings name none."""

_MEASURED_S = 0.1
_MAX_MEASUREMENTS = 5
"""A voice's cost is measured for this many seconds, but at least once and no more than this often. Judgements: startup
waits for it."""


class VoiceBook:
    """All synthesizers as one.

    Args:
        synthesizers: in order of preference; a language is spoken by the first that has a voice for it.
        default: id of the voice used if a tutor names none.

    Raises:
        InvalidField: there is no voice ``default``.
    """

    def __init__(self, synthesizers: Sequence[Synthesizer], default: str) -> None:
        self._synthesizers = tuple(synthesizers)
        self._hibari = next((synth for synth in synthesizers if isinstance(synth, HibariSynthesizer)), None)
        self._by_id = {voice.id: (synth, voice) for synth in synthesizers for voice in synth.voices}
        self._samples: dict[str, asyncio.Task[bytes]] = {}
        self._costs: dict[str, float] = {}
        """Real-time factors measured at warm-up, by voice id."""
        self.default = self.voice(default).id

    @property
    def voices(self) -> Sequence[Voice]:
        """The voices of all synthesizers, in order of preference."""
        return [voice for _, voice in self._by_id.values()]

    def voice(self, voice_id: str) -> Voice:
        """The voice with this id.

        Raises:
            InvalidField: there is none; the message lists those there are.
        """
        return self._find(voice_id)[1]

    def _find(self, voice_id: str) -> tuple[Synthesizer, Voice]:
        if "?" in voice_id and self._hibari is not None and voice_id.startswith(HIBARI):
            return self._hibari, self._hibari.variant(voice_id)
        if voice_id not in self._by_id and (reason := why_missing(voice_id)):
            raise InvalidField(f"voice: there is no voice {voice_id[:80]!r}: {reason}")
        if voice_id not in self._by_id:
            neural = [known for known in self._by_id if not known.startswith(ESPEAK)]
            robotic = len(self._by_id) - len(neural)
            raise InvalidField(
                f"voice: there is no voice {voice_id[:80]!r}; available: {', '.join(neural) or 'no neural voices'}"
                + (f" and {robotic} of espeak-ng ({ESPEAK}en-us, {ESPEAK}cmn, …)" if robotic else "")
            )
        return self._by_id[voice_id]

    def choose(self, language: str, preferred: str | None = None) -> tuple[Synthesizer, Voice]:
        """The voice for a language: the preferred one if it speaks it, else the default one, else the first that does.

        If no voice speaks the language, the preferred (or default) one is used.

        Args:
            language: ISO 639-1 code.
            preferred: id of a voice.

        Raises:
            InvalidField: the preferred id is unknown.
        """
        language = iso(language)
        wanted = self.voice(preferred or self.default)
        for voice in (wanted, self.voice(self.default), *self.voices):
            if voice.speaks(language):
                return self._find(voice.id)
        _log.warning("no_voice_for_language", language=language, voice=wanted.id)
        return self._find(wanted.id)

    def fitting(self, presents: Presents, language: str) -> str:
        """The id of a voice for a face: the default one if it fits, else the first in the language that does.

        Args:
            presents: whom the face looks like.
            language: ISO 639-1 code.

        Returns:
            The default voice if no voice fits, or if it is not known whom the face looks like.
        """
        if not presents:
            return self.default
        candidates = (voice for voice in (self.voice(self.default), *self.voices) if voice.presents == presents)
        return next((voice.id for voice in candidates if voice.speaks(iso(language))), self.default)

    def stand_in(self, language: str, failed: str) -> str | None:
        """A voice to replace ``failed``: one of this machine, of another engine, that speaks the language.

        Args:
            language: ISO 639-1 code.
            failed: id of the voice that failed.

        Returns:
            The voice's id, or None if there is none.
        """
        language = iso(language)
        engines = (failed.partition(":")[0], SPEECH.rstrip(":"))
        others = [voice for voice in self.voices if voice.id.partition(":")[0] not in engines]
        return next((voice.id for voice in others if voice.speaks(language)), None)

    async def speak(self, clause: Clause, preferred: str | None = None) -> AsyncIterator[Speech]:
        """Speaks a clause with the voice that ``choose`` gives for its language; see ``Synthesizer.speak``.

        Raises:
            SynthesisFailed: the voice failed.
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
        """Lets the default and the preferred voices speak once, so that the first reply is not slower than later ones.

        It also measures each voice's loudness and cost. A speech server that fails is only logged, since it may come up
        later.

        Raises:
            InvalidField: a preferred id is unknown.
            SynthesisFailed: a voice of this machine failed.
        """
        for voice_id in dict.fromkeys([self.default, *preferred]):
            try:
                text = sample_text(self.voice(voice_id).language)
                await self.render(voice_id, text)
                self._costs[voice_id] = await self._cost(voice_id, text)
            except SynthesisFailed as error:
                if not voice_id.startswith(SPEECH):
                    raise
                _log.warning("speech_server_warm_up_failed", voice=voice_id, error=error.message)

    async def _cost(self, voice_id: str, text: str) -> float:
        """The real-time factor of a voice: the best of some runs, since other work on the machine slows them down."""
        costs: list[float] = []
        measured_s = 0.0
        while measured_s < _MEASURED_S and len(costs) < _MAX_MEASUREMENTS:
            began = time.perf_counter()
            pcm = await self.render(voice_id, text)
            took_s = time.perf_counter() - began
            costs.append(took_s * OUTPUT_RATE / max(1, len(pcm)))
            measured_s += took_s
        return min(costs)

    async def render(self, voice_id: str, text: str, language: str | None = None) -> FloatArray:
        """A whole text as audio, (n,) float32 mono at 24 kHz.

        Args:
            voice_id: the voice.
            text: what to say, numbers and formulas already spelled out.
            language: the text's language (ISO 639-1); None for the voice's.

        Raises:
            InvalidField: the voice is unknown.
            SynthesisFailed: the voice failed.
        """
        synthesizer, voice = self._find(voice_id)
        clause = Clause(text, text, language or voice.language, 0)
        return np.concatenate([speech.pcm async for speech in synthesizer.speak(clause, voice)])

    async def sample(self, voice_id: str) -> bytes:
        """A WAV file (24 kHz, mono) in which the voice says a sentence in its language.

        Made once and kept, except for voices with parameters, which are without number.

        Raises:
            InvalidField: the voice is unknown.
            SynthesisFailed: the voice failed.
        """
        voice = self.voice(voice_id)
        if voice.id not in self._by_id:
            return await self._make_sample(voice)
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
        """The voices in the form of ``GET /v1/voices``."""
        return [
            {
                "id": voice.id,
                "name": voice.name,
                "language": voice.language,
                "engine": voice.id.partition(":")[0],
                "timed": voice.timed,
                "default": voice.id == self.default,
                "presents": voice.presents,
                "licence": voice.licence,
                "real_time_factor": round(self._costs[voice.id], 4) if voice.id in self._costs else None,
                "sample_text": sample_text(voice.language),
            }
            for voice in self.voices
        ]

    def close(self) -> None:
        """Closes all synthesizers. No call may be in progress."""
        for synthesizer in self._synthesizers:
            synthesizer.close()


def build_voicebook(settings: Settings) -> VoiceBook:
    """The voice book of all voices in the settings and the model folders. Blocking (loads models).

    Raises:
        ModelMissing: a voice's file is missing or damaged, or a package it needs is not installed.
        InvalidField: there is no voice with the id ``settings.voice``.
        SettingsError: a voice of the speech server is not of the form NAME or NAME=LANGUAGE.
    """
    worker = Worker("tts", settings.tts.workers)
    hibari = locate("hibari-heart", settings.models_dir, settings.cache_dir)
    synthesizers: list[Synthesizer] = [HibariSynthesizer(hibari, worker, settings.tts.threads)]
    piper = open_piper(settings, worker)
    if piper is not None:
        synthesizers.append(piper)
    coqui = coqui_models(settings)
    if coqui:
        # Coqui TTS is an extra, so it is imported only if there are models for it.
        from engine.speaking.coqui import CoquiSynthesizer

        synthesizers.append(CoquiSynthesizer(coqui, settings.device))
    kokoro = _kokoro(settings)
    if kokoro is not None:
        synthesizers.append(kokoro)
    if settings.speech.base_url:
        synthesizers.append(_speech_endpoint(settings, settings.speech.base_url))
    return VoiceBook([*synthesizers, EspeakSynthesizer()], settings.voice or DEFAULT)


def _speech_endpoint(settings: Settings, base_url: str) -> SpeechEndpoint:
    key = settings.speech.api_key.get_secret_value() if settings.speech.api_key else None
    listed = list(settings.speech.voices)
    wanted = settings.voice or DEFAULT
    own = wanted.removeprefix(SPEECH)
    if wanted.startswith(SPEECH) and own not in (item.partition("=")[0] for item in listed):
        listed.insert(0, own)
    voices = []
    for item in listed:
        name, _, language = item.partition("=")
        if not name:
            raise SettingsError(f"speech.voices: {item!r} is not of the form NAME or NAME=LANGUAGE")
        voices.append((name, language or "*"))
    timeouts = SpeechTimeouts(
        connect_s=settings.speech.connect_timeout_s,
        first_audio_s=settings.speech.first_sound_timeout_s,
        gap_s=settings.speech.gap_timeout_s,
    )
    return SpeechEndpoint(SpeechServer(base_url, settings.speech.model, key, settings.speech.format), voices, timeouts)


def _kokoro(settings: Settings) -> Synthesizer | None:
    """The Kokoro voices, if they are installed or the setting ``voice`` names one.

    Raises:
        ModelMissing: the setting names one, and something of Kokoro is missing or damaged.
    """
    store = ModelStore(settings.models_dir, settings.cache_dir)
    if not (settings.voice or "").startswith(KOKORO):
        if store.find(CATALOG["kokoro-82m"]) is None:
            return None
        if not store.has("kokoro-voices"):
            _log.info("kokoro_without_voices", remedy="make kokoro")
            return None
    model, speakers = store.locate("kokoro-82m"), store.locate("kokoro-voices")
    # Kokoro is an extra, so it is imported only if its models are there.
    from engine.speaking.kokoro import open_kokoro

    return open_kokoro(model, speakers, Worker("kokoro", settings.tts.workers), settings.tts.threads, settings.device)


def coqui_models(settings: Settings) -> list[Path]:
    """The folders of all Coqui models: those in ``coqui/`` of the models folder, and the pulled ones."""
    roots = [root for root in (settings.models_dir, settings.cache_dir / "pulled") if root is not None]
    return sorted(config.parent for root in roots for config in (root / "coqui").glob("*/config.json"))
