"""The replaceable parts of the pipeline as small Protocols; settings choose the implementations.

They stream, and they stop when their consumer does: closing an async iterator or cancelling an
await leaves no thread working on it for longer than one step of its model.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypedDict

from engine.items import AnimatedFrame, Clause, FloatArray, Picture, Speech, Transcript


class Message(TypedDict):
    """A chat message as OpenAI-compatible endpoints take it."""

    role: Literal["system", "user", "assistant"]
    content: str


class RecognitionStream(Protocol):
    """The recognition of one utterance while it is being spoken. Calls must not overlap."""

    def push(self, pcm: FloatArray, probabilities: FloatArray) -> None:
        """Append audio with the voice detector's judgement of it. Cheap: nothing is computed.

        Args:
            pcm: whole frames, (n * VAD_FRAME,) float32 mono at 16 kHz in [-1, 1].
            probabilities: (n,) float32, P(speech) of each frame.

        Raises:
            ValueError: the lengths do not match.
        """

    async def revise(self) -> Transcript:
        """Decode the audio so far into a partial transcript: its stable prefix and the rest.

        Raises:
            RecognitionFailed: the model failed. The utterance may go on.
        """

    async def preview(self) -> Transcript:
        """Decode all of the audio as if the utterance ended here; it may still go on.

        What is answered: a preemptive reply first, and the user turn if nothing more is said.

        Raises:
            RecognitionFailed: the model failed. The utterance may go on.
        """


class Recognizer(Protocol):
    """Speech to text, shared fairly among all sessions.

    ``language`` is a comma-separated list of ISO 639-1 codes, the most likely first, optionally with ``*``
    for any other language (``"en,zh,*"``). None lets the model detect the language.
    """

    async def transcribe(self, pcm: FloatArray, language: str | None = None) -> Transcript:
        """Transcribe a whole recording, (n,) float32 mono at 16 kHz in [-1, 1]. The text is empty when nobody speaks.

        Raises:
            RecognitionFailed: the model failed.
        """

    def understands(self, language: str) -> bool:
        """Whether the model knows ``language``, an ISO 639-1 code."""

    def stream(self, language: str | None = None) -> RecognitionStream:
        """Begin to recognise an utterance of unknown length."""

    def close(self) -> None:
        """Stop its threads."""


class DetectorStream(Protocol):
    """Voice detection on one microphone; keeps its state from frame to frame."""

    async def probabilities(self, frames: FloatArray) -> FloatArray:
        """P(speech) of each frame, (n,) float32, 0..1.

        Calls must not overlap. A cancelled call may or may not have advanced the state.

        Args:
            frames: (n, VAD_FRAME) float32 at 16 kHz, following those of the call before.
        """


class SpeechDetector(Protocol):
    """Voice activity detection, shared by all sessions."""

    def stream(self) -> DetectorStream:
        """Begin with fresh state."""

    def close(self) -> None:
        """Stop its threads."""


class EndOfTurn(Protocol):
    """Judges by the sound of the user turn whether it is over."""

    async def probability(self, pcm: FloatArray) -> float:
        """How likely the student has finished.

        Args:
            pcm: the user turn so far, (n,) float32 mono at 16 kHz; only the last 8 s count.

        Returns:
            P(finished), 0..1.
        """


class CompletionScorer(Protocol):
    """Judges by the words of the user turn whether a sentence ends with them."""

    async def score(self, text: str) -> float | None:
        """How likely a sentence ends here.

        Args:
            text: what the student has said so far; closing punctuation is ignored, since recognizers write it anywhere.

        Returns:
            P(the sentence ends), 0..1; None when it cannot be told in time.
        """


class CutShort(str):
    """The last delta of an answer that its length limit ended: an ellipsis, in place of the text that is missing."""

    __slots__ = ()


class TokenCount(str):
    """An empty delta after the text of an answer: the tokens that the endpoint counted.

    Args:
        prompt: tokens of the messages.
        completion: tokens that the model wrote, thinking included.
    """

    __slots__ = ("completion", "prompt")

    def __new__(cls, prompt: int, completion: int) -> TokenCount:
        count = super().__new__(cls)
        count.prompt, count.completion = prompt, completion
        return count

    prompt: int
    completion: int


class LanguageModel(Protocol):
    """Chat messages in, text deltas out."""

    def reply(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        dialogue: str = "",
        ready: Callable[[], Awaitable[None]] | None = None,
    ) -> AsyncIterator[str]:
        """Stream the answer to ``messages``. Closing the iterator cancels the request upstream.

        When the length limit ended the answer, the last delta is a ``CutShort``. After the text, before that, there
        is a ``TokenCount`` if the endpoint told its usage.

        Args:
            messages: the chat, oldest first, ending with the student's message.
            max_tokens: length limit of the answer; None takes the one from the settings.
            temperature: sampling temperature, 0..2; None takes the one from the settings.
            dialogue: names the dialogue that ``messages`` are the newest state of, so that a model that keeps what it
                has read finds it; empty for one that does not go on.
            ready: a model that can pause awaits it before it writes more than the first few seconds of speech; it
                returns when more is wanted. None: write all of it at once.

        Raises:
            LanguageModelFailed: before or after the first delta.
        """

    async def prefill(self, messages: Sequence[Message], *, dialogue: str = "") -> None:
        """Prefill: let the model read a prompt it will see again. Only saves time; a failure is not raised.

        Args:
            messages: as for ``reply``.
            dialogue: as for ``reply``.
        """


Presents = Literal["woman", "man", "child", ""]
"""Whom a voice sounds like or a face looks like; empty when it is not known."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice a synthesizer can speak with."""

    id: str
    """Engine and name, for example ``hibari:heart`` or ``espeak:cmn``."""

    language: str
    """ISO 639-1."""

    name: str
    timed: bool
    """Its speech comes with phoneme and word times."""

    languages: tuple[str, ...] = ()
    """Other languages it speaks, ISO 639-1; ``*`` is any."""

    mixes: tuple[str, ...] = ()
    """Languages of which it says words inside a clause of its own ``language``, without a pause around them."""

    presents: Presents = ""
    licence: str = ""
    """Of the voice's weights or data, as an SPDX identifier; empty when it is not known."""

    def mixes_in(self, language: str, other: str) -> bool:
        """Whether it can say words in ``other`` inside a clause in ``language``."""
        return language == self.language and other in self.mixes

    def speaks(self, language: str) -> bool:
        """Whether it can speak clauses in ``language`` (ISO 639-1)."""
        return language == self.language or language in self.languages or "*" in self.languages


class Synthesizer(Protocol):
    """Text to speech."""

    @property
    def voices(self) -> Sequence[Voice]: ...

    def speak(self, clause: Clause, voice: Voice) -> AsyncIterator[Speech]:
        """Stream the speech of one clause: one item or more, ``last`` set on the last.

        Raises:
            SynthesisFailed: the voice, or the server it runs on, failed.
        """

    def close(self) -> None: ...


class Avatar(Protocol):
    """A face loaded for a renderer."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""

    @property
    def presents(self) -> Presents:
        """Whom the face looks like."""


@dataclass(frozen=True, slots=True)
class AvatarInfo:
    """What clients are told about an avatar."""

    id: str
    name: str
    description: str
    size: tuple[int, int]
    """(width, height) in pixels."""

    presents: Presents = ""
    """Whom the face looks like."""


@dataclass(frozen=True, slots=True)
class FrameRequest:
    """A picture to draw."""

    avatar: Avatar
    frame: AnimatedFrame
    deadline: float
    """When it must be sent, in seconds on the event loop's clock."""

    session: str
    """Whose picture it is: a renderer may keep state per session (see ``Renderer.end_session``)."""


class AudioFeatures(Protocol):
    """Computes the audio features of one reply's frames, for a renderer that draws from audio.

    May be called from any thread; calls must not overlap.
    """

    def feed(self, frames: Sequence[AnimatedFrame], last: bool) -> list[AnimatedFrame]:
        """Take the next frames and return those whose ``features`` are complete, in order, with them filled in.

        A few frames are held back until the audio after them is known. With ``last`` (a clause or the reply
        ends) all of them are returned.
        """


class Renderer(Protocol):
    """Draws pictures. Called from one worker thread, never from the event loop.

    A renderer knows sessions by name only: it may keep the last picture of each until ``end_session``.
    """

    name: str
    batch_sizes: Sequence[int]
    """Batch sizes that are fast (buckets), ascending."""

    def warm_up(self) -> dict[int, float]:
        """Draw a batch of every size. Called once, after the default avatar was loaded and before the first picture.

        Returns:
            Seconds a batch takes, by its size.
        """

    def load(self, avatar_id: str, edge: int | None = None) -> Avatar:
        """Load an avatar, or return the cached one.

        Args:
            avatar_id: as in ``list_avatars``.
            edge: of the pictures, in pixels; None for the usual size. A renderer of one size only ignores it.

        Raises:
            UnknownAvatar: no folder with a manifest has this id, or the avatar is broken.
        """

    def list_avatars(self) -> Sequence[AvatarInfo]:
        """All avatars that can be loaded. Reads small files; any thread."""

    def audio_features(self) -> AudioFeatures | None:
        """What computes the audio features of one reply, or None when a pose is all this renderer needs."""

    def forget(self, avatar_id: str) -> None:
        """Drop a cached avatar whose files were changed or deleted. Sessions that show it keep it."""

    def render(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        """One picture per request, in order. The requests may belong to several sessions and avatars.

        Raises:
            EngineError: the renderer failed and says why. Anything else it raises is a fault of the renderer.
        """

    def end_session(self, session: str) -> None:
        """Free what was kept for a session that has ended. An unknown session is ignored."""

    def close(self) -> None:
        """Free what it holds, avatars included."""


class AvatarFactory(Protocol):
    """Makes avatars of the kind one renderer draws. Any thread; calls must not overlap."""

    def can_make_avatars(self) -> None:
        """Check the installation. Takes some hundred milliseconds.

        Raises:
            ModelMissing: ``make_avatar`` lacks a model or a library; the message has the remedy.
        """

    def make_avatar(
        self,
        data: bytes,
        avatar_id: str,
        directory: Path,
        *,
        name: str | None,
        presents: Presents,
        replace: bool,
        progress: Callable[[str, float], None],
    ) -> Path:
        """Make an avatar from an encoded picture or video. Takes seconds to minutes.

        Args:
            data: the file as it was uploaded.
            avatar_id: the id it gets.
            directory: where its folder is created.
            name: shown to students; None uses the id.
            presents: whom the face looks like; a tutor that names no voice gets one that fits.
            replace: overwrite an avatar of this id.
            progress: called with the step under way and how much is done, 0..1.

        Returns:
            The folder of the new avatar.

        Raises:
            EngineError: the picture, the id or the installation will not do; the message says why.
        """
