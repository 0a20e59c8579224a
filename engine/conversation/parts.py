"""What all conversations share: the models and workers that are made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.concurrency.worker import Worker
from engine.contracts import (
    Avatar,
    AvatarFactory,
    AvatarInfo,
    CompletionScorer,
    EndOfTurn,
    FrameRequest,
    LanguageModel,
    Recognizer,
    SpeechDetector,
)
from engine.items import Picture
from engine.knowledge.service import Knowledge
from engine.rendering.audio_features import FeatureStage, feature_stage
from engine.rendering.scheduler import FrameScheduler
from engine.safety.service import Safety
from engine.settings import Patience, Settings
from engine.speaking.voices import VoiceBook
from engine.telemetry import Metrics
from engine.turn_taking.listener import Listener, ListenOutput


@dataclass(frozen=True, slots=True)
class Parts:
    """Handed to every conversation. ``engine/wiring.py`` makes, owns and closes them."""

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

    completion: CompletionScorer | None
    """None where the settings ask for no small language model to judge words."""

    knowledge: Knowledge
    safety: Safety
    decoder: Worker
    """Threads that decode recordings."""

    encoder: Worker
    """Threads that encode pictures and audio for clients."""

    text_worker: Worker
    """The thread that puts numbers and formulas into words."""

    feature_worker: Worker
    """Threads that compute audio features, for renderers that draw from them."""

    def load_avatar(self, avatar_id: str, edge: int | None = None) -> Avatar:
        """The avatar of this id. The first time its files are read, which takes tens of ms: call it in a thread.

        Args:
            avatar_id: as in ``list_avatars``.
            edge: of its pictures, in pixels; None for the usual size.

        Raises:
            UnknownAvatar: there is none of this id, or it is broken.
        """
        return self.scheduler.renderer.load(avatar_id, edge)

    def list_avatars(self) -> Sequence[AvatarInfo]:
        """All avatars that can be loaded. Reads small files."""
        return self.scheduler.renderer.list_avatars()

    async def draw(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        """Pictures for ``requests``, in order, when the machine has time for them.

        Raises:
            RenderFailed: the renderer failed.
        """
        return await self.scheduler.render(requests)

    def picture_cost_s(self) -> float:
        """Measured cost of a picture, in seconds of the drawing thread."""
        return self.scheduler.costs.frame_s()

    def dropping_frames(self, now: float) -> bool:
        """Whether pictures are being left out at ``now`` (seconds on the loop's clock), for lack of time."""
        return self.scheduler.frame_dropping.active_at(now)

    def drawing_share(self, now: float) -> float:
        """Share of the time that goes into drawing at ``now`` (seconds on the loop's clock), 0..1."""
        return self.scheduler.frame_dropping.busy_at(now)

    @property
    def draws_poses(self) -> bool:
        """Equal poses give equal pictures: the renderer needs nothing else."""
        return self.scheduler.renderer.audio_features() is None

    def end_session(self, session: str) -> None:
        """A session has ended: free what was kept for its pictures. Returns at once."""
        self.scheduler.end_session(session)

    def make_feature_stage(self) -> FeatureStage:
        """What the frames of one reply pass between animator and renderer."""
        return feature_stage(self.scheduler.renderer, self.feature_worker)

    def make_listener(self, languages: str, patience: Patience | None, output: ListenOutput) -> Listener:
        """A listener for one microphone.

        Args:
            languages: of the student's speech, as a ``Recognizer`` takes them.
            patience: before a pause ends the user turn; None takes the setting.
            output: where its events go.
        """
        return Listener(
            self.recognizer,
            self.detector,
            self.end_of_turn,
            self.settings,
            completion=self.completion,
            language=languages,
            patience=patience,
            output=output,
        )
