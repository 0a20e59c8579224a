"""Every message the engine sends to a client, over a WebSocket or a WebRTC data channel.

Each class is one ``type``; ``to_json`` gives the text that is sent, in which optional fields
without a value are missing. All are immutable. On the wire ``turn`` is the number of a reply,
counted from 1 in its session: the protocol has always called it that.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from engine.errors import EngineError
from engine.protocol.server_message import MessagePart, ReplyMessage, ServerMessage

# --- the session --------------------------------------------------------------------------


class Resumed(MessagePart):
    """The session was on another engine before."""

    turn: int
    """Number of the latest reply there; the next one has a higher number."""
    answering: bool
    """The student's last words have no answer yet: it comes now, unasked."""


class ReadyEvent(ServerMessage):
    """Streaming can begin: answers ``configure``, or a WebRTC connection that is up."""

    type: Literal["ready"] = "ready"
    session: str
    """The session's id."""
    avatar: str
    """Id of the avatar that will speak."""
    fps: int
    """Pictures per second."""
    size: tuple[int, int]
    """Width and height of the pictures, in pixels."""
    mime: str | None = None
    """For ``MediaSource.addSourceBuffer``; WebSocket only."""
    idle_url: str
    """Path of a silent loop of the avatar, MP4."""
    transport: Literal["webrtc"] | None = None
    """WebRTC only."""
    tutor: str
    """The tutor's name."""
    model: str | None = None
    """Name of the language model that answers. Tell the student that they talk with an AI."""
    greeting: str
    """What the tutor says first, as text; may be empty. Show it, or send ``greet`` to hear it."""
    resumed: Resumed | None = None
    """Only in a cluster, when the session came from another engine since the last ``ready``."""


class MovedEvent(ServerMessage):
    """The engine is about to end, and the session goes on on another one: connect there with the same token.

    A client that does not is disconnected with code 1012 some seconds later.
    """

    type: Literal["moved"] = "moved"
    engine_url: str
    """WebSocket address of the session from now on."""


class PongEvent(ServerMessage):
    """Answers ``ping``."""

    type: Literal["pong"] = "pong"


class ClosedEvent(ServerMessage):
    """The engine is about to close this WebRTC connection; a WebSocket has close frames for it."""

    type: Literal["closed"] = "closed"
    code: int
    """As in a WebSocket's close frame (RFC 6455 section 7.4)."""
    reason: str


class ErrorEvent(ServerMessage):
    """Something could not be done. The connection stays open."""

    type: Literal["error"] = "error"
    code: str
    """One of the codes in ``engine.errors``."""
    message: str
    """For people; names the field and the limit where there is one."""
    retry_after: int | float | None = None
    """Seconds after which another attempt may succeed."""
    turn: int | None = None
    """The reply that failed, if one did."""

    @classmethod
    def of(cls, error: EngineError, reply: int | None = None) -> ErrorEvent:
        """What a client is told of ``error``, in which reply number ``reply`` ended if one is given."""
        return cls(code=error.code, message=error.message, retry_after=error.retry_after_s, turn=reply)

    @property
    def reply_number(self) -> int:
        return self.turn or 0


# --- the student --------------------------------------------------------------------------


class SpeechStartedEvent(ServerMessage):
    """The student began to speak."""

    type: Literal["speech_started"] = "speech_started"
    ms: int
    """When, in the student's stream."""


class SpeechStoppedEvent(ServerMessage):
    """The student fell silent; the user turn may still go on."""

    type: Literal["speech_stopped"] = "speech_stopped"
    ms: int
    """When, in the student's stream."""


class NoSpeechEvent(ServerMessage):
    """What sounded like speech held no words; there is nothing to answer."""

    type: Literal["no_speech"] = "no_speech"
    ms: int
    """When it began, in the student's stream."""


class PartialTranscriptionEvent(ServerMessage):
    """What has been recognised so far of the current user turn."""

    type: Literal["partial_transcription"] = "partial_transcription"
    content: str
    role: Literal["user"] = "user"
    stable: int
    """This many characters from the start of ``content`` will not change any more."""


class TranscriptionEvent(ServerMessage):
    """What the student said: a whole user turn or a whole recording."""

    type: Literal["transcription"] = "transcription"
    content: str
    role: Literal["user"] = "user"
    language: str | None = None
    """ISO 639-1 code of the language that was recognised."""
    continues: int | None = None
    """Number of the reply this user turn makes void: the student had only paused, and ``content`` has all the words."""


class DuckEvent(ServerMessage):
    """The student makes a sound while the tutor speaks: lower the tutor's voice."""

    type: Literal["duck"] = "duck"
    ms: int
    """When, in the student's stream."""


class ResumeEvent(ServerMessage):
    """Follows ``duck`` when it was no interruption: go on at full volume."""

    type: Literal["resume"] = "resume"
    reason: Literal["noise", "backchannel", "echo", "tutor_finished"]


# --- the reply ----------------------------------------------------------------------------


class TextDeltaEvent(ReplyMessage):
    """The next piece of the reply's text, as it is written."""

    type: Literal["text_delta"] = "text_delta"
    content: str


class SourcePassage(MessagePart):
    """A passage of the knowledge base that the reply rests on."""

    document: str
    """File name."""
    passage: str
    """Its text."""
    score: float
    """How well it matches the question; higher is better."""
    page: int | None = None
    """Page of a PDF, from 1."""


class TextEvent(ReplyMessage):
    """The whole text of the reply."""

    type: Literal["text"] = "text"
    role: Literal["assistant"] = "assistant"
    content: str
    sources: tuple[SourcePassage, ...] | None = None
    """Passages of the knowledge base that were used; missing when the session has no knowledge base."""
    timestamp: str | None = None
    """When it was sent, ISO 8601 UTC with milliseconds."""


SafetyCategory = Literal[
    "self_harm", "abuse", "violence", "weapons_drugs", "sexual", "hate", "personal_data", "jailbreak", "profanity"
]
"""What the guard keeps away: from the language model in a question, from the student in an answer."""

SafetyStage = Literal["question", "answer"]


class SafetyEvent(ReplyMessage):
    """The guard took over: the reply says, or goes on with, a text of the engine instead of the language model's."""

    type: Literal["safety"] = "safety"
    category: SafetyCategory
    """Why."""
    stage: SafetyStage
    """What was held back: the student's question, or the rest of the model's answer."""


class CaptionWord(MessagePart):
    """A word and when it is heard."""

    text: str
    """As written, without Markdown."""
    start_ms: int
    """From the start of the reply's playback."""
    end_ms: int


class CaptionsEvent(ReplyMessage):
    """Words of the reply with times, sent before their audio."""

    type: Literal["captions"] = "captions"
    words: tuple[CaptionWord, ...]


class MediaEvent(ReplyMessage):
    """A piece of the reply's frames. WebSocket with ``stream`` only."""

    type: Literal["media"] = "media"
    seq: int
    """Counts the pieces of one reply from 0."""
    start_ms: int
    """From the start of the reply."""
    duration_ms: int
    """0 for what the encoder held back until the end."""
    data: str
    """A fragment of MP4 in base64; piece 0 begins with the initialisation segment. With AAC media time 0 is 43 ms
    before the reply: the encoder's silence is played, under the first picture."""
    mime: str | None = None
    """For ``MediaSource.addSourceBuffer``; with piece 0 only."""


class VideoEvent(ReplyMessage):
    """The whole reply as files. WebSocket without ``stream`` only."""

    type: Literal["video"] = "video"
    video: str
    """MP4 (H.264 and AAC, index first) in base64."""
    audio: str
    """The same audio as WAV in base64."""
    content: str
    """The reply's text."""
    role: Literal["assistant"] = "assistant"
    video_mime: Literal["video/mp4"] = "video/mp4"
    audio_mime: Literal["audio/wav"] = "audio/wav"
    duration_ms: int


class PlayingEvent(ReplyMessage):
    """How much of a reply has left the engine's media clock. WebRTC only."""

    type: Literal["playing"] = "playing"
    position_ms: int
    """From the start of the reply. With ``turn`` 0 nothing is being played."""


class TurnDoneEvent(ReplyMessage):
    """All of the reply has been sent, or an error has ended it."""

    type: Literal["turn_done"] = "turn_done"
    timings: dict[str, float]
    """ms from the arrival of the text, or from the acoustic end of speech, to each stage."""


class InterruptedEvent(ReplyMessage):
    """The reply was cut off: discard what is not played yet. Nothing of it follows."""

    type: Literal["interrupted"] = "interrupted"
    played_ms: int
    """How much of it the student heard, as far as the engine knows."""
    content: str
    """The words that were heard."""
    reason: Literal["voice", "client", "disconnected"]
    """Interrupted by the student's voice, by a message of the client, or by the end of the connection."""
    timings: dict[str, float]
    """As in ``turn_done``."""

    @property
    def reply_number(self) -> int:
        return 0  # leaves although its reply was interrupted


Event = (
    ReadyEvent | MovedEvent | PongEvent | ClosedEvent | ErrorEvent
    | SpeechStartedEvent | SpeechStoppedEvent | NoSpeechEvent | PartialTranscriptionEvent | TranscriptionEvent
    | DuckEvent | ResumeEvent
    | TextDeltaEvent | TextEvent | SafetyEvent | CaptionsEvent | MediaEvent | VideoEvent | PlayingEvent | TurnDoneEvent
    | InterruptedEvent
)  # fmt: skip
"""Any message to a client."""

ReplyEvent = TextDeltaEvent | TextEvent | SafetyEvent | CaptionsEvent | ErrorEvent
"""What a reply tells before it has its number."""


def numbered(event: ReplyEvent, reply: int) -> ReplyEvent:
    """``event`` as a part of reply number ``reply``, which leaves now; the whole text gets its timestamp."""
    changes: dict[str, Any] = {"turn": reply}
    if isinstance(event, TextEvent):
        changes["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    return event.model_copy(update=changes)
