"""The listener: one student's microphone in, the events of turn taking out.

Takes ``AudioChunk``s (``push``, from the event loop), gives ``ListenEvent``s in a bounded
channel. It runs as one task on the event loop while its ``async with`` block lasts; VAD, turn
model and recognition run in worker threads. It knows no turns, no LLM and no transport.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from engine.pipelines.channel import Channel
from engine.pipelines.contracts import EndOfTurn, Recognizer
from engine.pipelines.items import AudioChunk
from engine.pipelines.listening.events import ListenEvent
from engine.pipelines.listening.vad import SpeechDetector
from engine.settings import Settings


class ListenerApi(Protocol):
    """The signatures the conversation codes against (being filled in)."""

    events: Channel[ListenEvent]
    """Read with ``async for event in listener.events``; ends when the listener is closed."""

    def __init__(
        self,
        recognizer: Recognizer,
        detector: SpeechDetector,
        end_of_turn: EndOfTurn | None,
        settings: Settings,
        *,
        language: str | None = None,
    ) -> None: ...

    async def __aenter__(self) -> ListenerApi: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def push(self, chunk: AudioChunk) -> None:
        """Hear a chunk. Cheap, never waits; when behind, the oldest audio is dropped (``Overload``)."""

    def tutor_speaking(self, speaking: bool, text: str = "") -> None:
        """The tutor's voice is (not) in the room. ``text``: what was said so far, for the echo guard.

        Call with True when the first sound of a reply is sent and whenever ``text`` grows, with
        False when its playback ended or it was interrupted.
        """

    def end_turn(self) -> None:
        """Commit what was said so far without waiting (the client released its talk button)."""

    def discard(self) -> None:
        """Forget the utterance in progress, without a ``TurnEnded`` (the client typed instead)."""
