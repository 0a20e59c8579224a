"""The parts of the pipeline as small Protocols; settings choose the implementation.

All stream, and all stop when their consumer goes away: an async iterator's ``aclose`` or a
cancelled await leaves no thread busy with it for longer than one step of its model.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypedDict

from engine.items import AnimatedFrame, Clause, FloatArray, Picture, Speech, Transcript


class Message(TypedDict):
    """A chat message as OpenAI-compatible endpoints take it."""

    role: Literal["system", "user", "assistant"]
    content: str


class RecognitionStream(Protocol):
    """One utterance of one student while it is spoken. Calls to it must not overlap."""

    def push(self, pcm: FloatArray) -> None:
        """Add (n,) float32 mono 16 kHz. Cheap; computes nothing."""

    async def revise(self) -> Transcript:
        """Decode what there is so far: the stable prefix and the tail."""

    async def finish(self) -> Transcript:
        """Decode all of it; ``final`` is set. The stream takes no more after this."""

    async def preview(self) -> Transcript:
        """As ``finish`` would answer now, but the utterance may go on (speculation)."""


class Recognizer(Protocol):
    """Speech to text. Serves all sessions, fairly."""

    async def transcribe(self, pcm: FloatArray, language: str | None = None) -> Transcript:
        """A whole recording, (n,) float32 mono 16 kHz. Empty text when nobody speaks.

        Raises:
            RecognitionFailed: the model broke.
        """

    def stream(self, language: str | None = None) -> RecognitionStream:
        """Begin an utterance of unknown length."""

    def close(self) -> None:
        """End its threads."""


class EndOfTurn(Protocol):
    """How likely the student has finished, judged by the sound of the turn so far."""

    async def probability(self, pcm: FloatArray) -> float:
        """``pcm``: the turn so far, 16 kHz; the last 8 s count. Gives P(finished), 0..1."""


class LanguageModel(Protocol):
    """Text deltas for a chat."""

    def reply(self, messages: Sequence[Message], *, max_tokens: int | None = None) -> AsyncIterator[str]:
        """Stream the answer. Closing the iterator cancels the request upstream.

        Raises:
            LanguageModelFailed: before or after the first delta.
        """

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Let the model digest a prompt it will see again. Only ever a saving; never raises for its sake."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice a synthesizer can speak with."""

    id: str
    """For example ``piper:en_US-joe-medium`` or ``espeak:cmn``."""

    language: str
    """ISO 639-1."""

    name: str
    timed: bool
    """Gives phoneme and word times."""

    languages: tuple[str, ...] = ()
    """Further ones it speaks, ISO 639-1; ``*`` is any."""

    def speaks(self, language: str) -> bool:
        """Whether clauses in this language (ISO 639-1) can be given to it."""
        return language == self.language or language in self.languages or "*" in self.languages


class Synthesizer(Protocol):
    """Text to speech."""

    @property
    def voices(self) -> Sequence[Voice]: ...

    def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        """Stream one clause; at least one item, the last one has ``last`` set.

        Raises:
            SynthesisFailed: the voice broke or its server did.
        """

    def close(self) -> None: ...


class Animator(Protocol):
    """Turns one turn's speech into frames, each with its own sound. No I/O, no clock.

    One per turn. Sound is never dropped or stretched: concatenating ``pcm`` of all frames
    gives the concatenated speech followed by silence.
    """

    def feed(self, speech: Speech) -> list[AnimatedFrame]:
        """Frames that are complete now (bounded look-ahead is held back, see ``finish``)."""

    def finish(self) -> list[AnimatedFrame]:
        """The rest, padded to a whole frame, and a tail in which the mouth comes to rest."""


class Avatar(Protocol):
    """A face loaded for a renderer."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""


@dataclass(frozen=True, slots=True)
class AvatarInfo:
    """What a client may know about an avatar."""

    id: str
    name: str
    description: str
    size: tuple[int, int]
    """(width, height) in pixels."""


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """One picture somebody needs."""

    avatar: Avatar
    frame: AnimatedFrame
    deadline: float
    """Seconds on the loop's clock by which it must be on the wire."""

    session: str
    """For fairness and accounting."""


class AudioFeatures(Protocol):
    """Adds audio features to one reply's frames, for a renderer that paints from them. Calls must not overlap; any
    thread."""

    def feed(self, frames: Sequence[AnimatedFrame], last: bool) -> list[AnimatedFrame]:
        """The frames whose ``features`` are complete, in order, with them filled in.

        A few wait for the audio that follows them; with ``last`` (a clause ends) all are given.
        """


class Renderer(Protocol):
    """Draws pictures. Called from one worker thread; never from the event loop."""

    name: str
    batch_sizes: Sequence[int]
    """Batch sizes that are fast (buckets), ascending."""

    def warm_up(self) -> dict[int, float]:
        """Run every batch size; the seconds each takes. Once, after the default avatar was loaded and before the
        first picture."""

    def load(self, avatar_id: str) -> Avatar:
        """Load or return the cached avatar.

        Raises:
            UnknownAvatar: no folder with a manifest has this id.
        """

    def list_avatars(self) -> Sequence[AvatarInfo]:
        """All avatars that are sound. Reads small files."""

    def can_make_avatars(self) -> None:
        """Raises ModelMissing when ``make_avatar`` lacks a model or library. Some hundred ms; any thread."""

    def make_avatar(
        self,
        data: bytes,
        avatar_id: str,
        directory: Path,
        *,
        name: str | None,
        replace: bool,
        progress: Callable[[str, float], None],
    ) -> Path:
        """Make an avatar this renderer draws, of an encoded picture; gives its folder. Seconds; any thread.

        Raises:
            EngineError: what is wrong with the picture, the id or the installation.
        """

    def audio_features(self) -> AudioFeatures | None:
        """What adds audio features to one reply's frames; None when the pose is all it needs."""

    def forget(self, avatar_id: str) -> None:
        """Drop a cached avatar whose files changed or went; whoever shows it keeps it."""

    def render(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        """One picture per request, in order; requests may be of several sessions.

        Raises:
            EngineError: these pictures cannot be drawn. Anything else is a defect; ``FrameScheduler`` logs it and
                answers ``RenderFailed``.
        """

    def end_session(self, session: str) -> None:
        """Let go of what was kept for this session, which has ended. Unknown ones are no error."""

    def close(self) -> None: ...
