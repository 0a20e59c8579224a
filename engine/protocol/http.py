"""Bodies and answers of the HTTP API, as ``/openapi.json`` describes them.

Tutor profiles are described by ``engine.tutors.profile``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from engine.protocol.outgoing import SourcePassage

KbId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class RequestBody(BaseModel):
    """What a client sends. Unknown fields are ignored: clients of later versions may send more."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, use_attribute_docstrings=True)


class ResponseBody(BaseModel):
    """Base of all JSON bodies of responses; a test checks real responses against these."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


# --- requests -----------------------------------------------------------------------------


class CreateSession(RequestBody):
    """Body of ``POST /v1/sessions``."""

    tutor_id: int = Field(ge=0, le=2**53)
    student_id: int = Field(ge=0, le=2**53)
    kb_id: KbId | None = None
    """Knowledge base for this session; without it the tutor's own is used."""
    patience: Literal["eager", "normal", "patient"] | None = None
    """How long to wait before a pause ends the user turn; without it the tutor's own, or the setting, is used."""


class AdoptSession(RequestBody):
    """Body of ``POST /v1/sessions/{session_id}/adopt``."""

    epoch: int = Field(ge=1, le=2**53)
    """How often the session had changed engines before: if that is no longer so, somebody else was faster."""


class PeerOffer(RequestBody):
    """Body of ``POST /v1/sessions/{session_id}/webrtc``."""

    sdp: str
    type: Literal["offer"] = "offer"
    avatar_id: str | None = None
    """An avatar other than the tutor's own."""
    shown_px: int | None = Field(default=None, ge=1, le=16_384)
    """As in ``configure``."""


# --- answers ------------------------------------------------------------------------------


class ErrorDetail(ResponseBody):
    """What went wrong."""

    code: str
    """One of the codes in ``engine.errors``."""
    message: str


class ErrorAnswer(ResponseBody):
    """Body of every answer with a status from 400."""

    error: ErrorDetail
    progress: float | None = None
    """In ``/ready`` while models load: the share that is loaded, 0 to 1."""


class DemoModel(ResponseBody):
    """The language model that comes with the engine, good enough to try it and no more."""

    name: str
    replace_with: str
    """The setting that puts another model in its place."""
    languages: tuple[str, ...] | None = None
    """ISO 639-1 codes of those it speaks well enough; None: not known."""


class Status(ResponseBody):
    """Health and readiness."""

    status: str
    service: str | None = None
    demo_model: DemoModel | None = None
    """In ``/ready`` while the embedded demonstration model answers."""


class SessionCreated(ResponseBody):
    """A new session."""

    session_id: UUID
    engine_url: str
    """WebSocket address of the session."""
    engine_token: str
    """JWT that opens this session."""
    status: str
    resume_url: str | None = None
    """From a door of a cluster: ``GET`` with the token tells where the session is when its engine is gone."""


class SessionAdopted(SessionCreated):
    """A session on another engine than before."""

    adopted: bool
    """It came from another engine just now."""


class SessionToken(ResponseBody):
    """A new token of a session."""

    engine_token: str
    """JWT that opens this session."""
    expires_at: int
    """Unix seconds. Connections of the session are closed then, unless it got a newer token."""


class SessionState(ResponseBody):
    """A live session."""

    session_id: UUID
    tutor_id: int
    student_id: int
    status: str
    created_at: datetime
    last_activity: datetime


class SessionList(ResponseBody):
    """All live sessions."""

    sessions: tuple[SessionState, ...]


class PeerAnswer(ResponseBody):
    """A WebRTC connection."""

    sdp: str
    type: Literal["answer"] = "answer"
    peer: str
    """Id of the connection."""
    location: str
    """``DELETE`` on this path hangs up."""


class IceServers(ResponseBody):
    """For ``RTCPeerConnection``."""

    ice_servers: tuple[dict[str, Any], ...]


class AvatarListed(ResponseBody):
    """An avatar that can be used."""

    id: str
    name: str
    description: str
    size: tuple[int, int]
    """Width and height in pixels."""
    presents: Literal["woman", "man", "child", ""]
    """Whom the face looks like; empty when that is not known."""
    idle_url: str
    """A silent loop, MP4."""
    still_url: str
    """One picture, JPEG."""


class AvatarList(ResponseBody):
    """All avatars."""

    avatars: tuple[AvatarListed, ...]


class AvatarState(ResponseBody):
    """How far the making of an avatar is."""

    id: str
    status: Literal["waiting", "making", "ready", "failed"]
    step: str
    progress: float = Field(ge=0, le=1)
    status_url: str
    error: ErrorDetail | None = None
    """With status ``failed``."""


class VoiceListed(ResponseBody):
    """A voice."""

    id: str
    name: str
    language: str
    """ISO 639-1 code."""
    engine: str
    timed: bool
    """Gives the times of its phonemes, so that the lips follow them exactly."""
    default: bool
    presents: Literal["woman", "man", "child", ""]
    """Whom it sounds like; empty when that is not known."""
    licence: str
    """Of its weights or data; empty when that is not known."""
    real_time_factor: float | None
    """Seconds of computing for a second of speech, measured when the engine started; null for voices not tried then."""
    sample_text: str
    sample_url: str
    """WAV."""


class VoiceList(ResponseBody):
    """All voices."""

    voices: tuple[VoiceListed, ...]


class KnowledgeListed(ResponseBody):
    """A knowledge base."""

    kb_id: str
    documents: int
    passages: int
    built_in: bool
    """It comes with the engine and cannot be changed."""


class KnowledgeList(ResponseBody):
    """All knowledge bases."""

    knowledge: tuple[KnowledgeListed, ...]


class DocumentStored(ResponseBody):
    """A document that can be searched."""

    name: str
    bytes: int
    passages: int
    sha256: str
    added_at: datetime


class DocumentAdding(ResponseBody):
    """A document that is being added."""

    name: str
    status: Literal["adding"]
    stage: Literal["waiting", "read", "embed", "store"]
    done: int
    """Passages embedded so far."""
    total: int


class KnowledgeState(ResponseBody):
    """What is in a knowledge base."""

    kb_id: str
    documents: tuple[DocumentStored, ...]
    adding: tuple[DocumentAdding, ...]


class SourceList(ResponseBody):
    """What a tutor would be given for a question."""

    sources: tuple[SourcePassage, ...]
