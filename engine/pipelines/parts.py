"""What all conversations share: the models and workers that are made once."""

from __future__ import annotations

from dataclasses import dataclass

from engine.pipelines.animating.scheduler import FrameScheduler
from engine.pipelines.contracts import LanguageModel, Recognizer
from engine.pipelines.speaking.voices import VoiceBook
from engine.pipelines.worker import Worker
from engine.settings import Settings
from engine.telemetry import Metrics


@dataclass(frozen=True, slots=True)
class Parts:
    """Handed to every conversation; owned and closed by the app."""

    settings: Settings
    metrics: Metrics
    recognizer: Recognizer
    language_model: LanguageModel
    voices: VoiceBook
    scheduler: FrameScheduler
    decoder: Worker
    """Threads that decode what clients send."""
    encoder: Worker
    """Threads that encode what they get."""
