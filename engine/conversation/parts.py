"""What all conversations share: the models and workers that are made once."""

from __future__ import annotations

from dataclasses import dataclass

from engine.concurrency.worker import Worker
from engine.contracts import Avatar, AvatarFactory, EndOfTurn, LanguageModel, Recognizer
from engine.knowledge.service import Knowledge
from engine.recognition.vad import SpeechDetector
from engine.rendering.audio_features import FeatureStage, feature_stage
from engine.rendering.scheduler import FrameScheduler
from engine.settings import Settings
from engine.speaking.voices import VoiceBook
from engine.telemetry import Metrics
from engine.turn_taking.listener import Listener, ListenOutput


@dataclass(frozen=True, slots=True)
class Parts:
    """Handed to every conversation; owned and closed by whoever made it (``engine/wiring.py``)."""

    settings: Settings
    metrics: Metrics
    recognizer: Recognizer
    language_model: LanguageModel
    voices: VoiceBook
    scheduler: FrameScheduler
    avatar_factory: AvatarFactory
    detector: SpeechDetector
    end_of_turn: EndOfTurn | None
    """None where the settings ask for no turn model."""
    knowledge: Knowledge
    decoder: Worker
    """Threads that decode what clients send."""
    encoder: Worker
    """Threads that encode what they get."""
    speller: Worker
    """The thread that puts numbers and formulas into words."""
    feature_worker: Worker
    """Threads that compute audio features for renderers that paint from them."""

    def load_avatar(self, avatar_id: str) -> Avatar:
        """The avatar, from the renderer's cache or its folder (tens of ms the first time).

        Raises:
            UnknownAvatar: no such avatar.
        """
        return self.scheduler.renderer.load(avatar_id)

    def make_feature_stage(self) -> FeatureStage:
        """The stage one reply's frames pass between animator and renderer."""
        return feature_stage(self.scheduler.renderer, self.feature_worker)

    def make_listener(self, languages: str, output: ListenOutput) -> Listener:
        """A listener for one microphone.

        Args:
            languages: of the student's speech, as a ``Recognizer`` takes them.
            output: where its events go.
        """
        return Listener(
            self.recognizer, self.detector, self.end_of_turn, self.settings, language=languages, output=output
        )
