"""Client messages that both transports pass to the conversation, and the answers they have in common."""

from __future__ import annotations

import asyncio
import functools

import structlog

from engine.contracts import Avatar
from engine.errors import EngineError, InvalidField, UnknownAvatar
from engine.items import FPS
from engine.protocol import incoming
from engine.protocol.outgoing import ErrorEvent, ReadyEvent, Resumed
from engine.sessions import Session
from engine.transport.picture_size import larger_edge

log = structlog.get_logger(__name__)

Command = (
    incoming.TextMessage | incoming.InterruptMessage | incoming.EndTalkMessage | incoming.PlaybackMessage
    | incoming.GreetMessage
)  # fmt: skip
"""The messages that mean the same on every transport."""


def obey(session: Session, message: Command, avatar: Avatar | None) -> None:
    """Do what the client says. Never waits.

    Args:
        avatar: who answers a text, or greets; None for text alone.

    Raises:
        InvalidField: a text that is empty or too long.
        Busy: too much waits already.
    """
    conversation = session.conversation
    match message:
        case incoming.TextMessage(content=content):
            conversation.say(_checked(content, session.parts.settings.limits.text_chars), avatar)
        case incoming.InterruptMessage():
            conversation.interrupt()
        case incoming.EndTalkMessage():
            conversation.end_talk()
        case incoming.GreetMessage():
            conversation.greet(avatar)
        case incoming.PlaybackMessage():
            conversation.acknowledge(message.turn, message.position_ms)


def _checked(content: str, limit: int) -> str:
    text = content.strip()
    if not text:
        raise InvalidField("field 'content' is empty")
    if len(text) > limit:
        raise InvalidField(f"field 'content' has {len(text)} characters; the limit is {limit}")
    return text


def refusal(session: Session, error: EngineError) -> ErrorEvent:
    """The error message for a client; counts it."""
    session.parts.metrics.errors.labels(error.code).inc()
    return ErrorEvent.of(error)


def ready(session: Session, avatar: Avatar, *, mime: str | None = None, webrtc: bool = False) -> ReadyEvent:
    """The message that begins streaming."""
    profile, resumed = session.conversation.profile, None
    if session.resumed is not None:
        turn, answering = session.resumed
        resumed, session.resumed = Resumed(turn=turn, answering=answering), None
    return ReadyEvent(
        session=session.id,
        avatar=avatar.id,
        fps=FPS,
        size=avatar.size,
        mime=mime,
        idle_url=f"/v1/avatars/{avatar.id}/idle.mp4",
        transport="webrtc" if webrtc else None,
        tutor=profile.name,
        model=session.parts.settings.llm.model,
        greeting=profile.greeting,
        resumed=resumed,
    )


async def session_avatar(session: Session, named: str | None, shown_px: int | None = None) -> Avatar:
    """The avatar a client named, or its tutor's, or the setting's when the tutor's is gone. Loads it in a thread.

    Args:
        session: whose tutor it is.
        named: its id, if the client named one.
        shown_px: the edge at which the client shows it, if it says.

    Raises:
        UnknownAvatar: the client named one that does not exist.
    """
    parts = session.parts
    profile, default = session.conversation.profile, parts.settings.avatar
    load = parts.load_avatar
    if shown_px is not None:
        busy = parts.drawing_share(asyncio.get_running_loop().time())
        load = functools.partial(parts.load_avatar, edge=larger_edge(parts.settings.video, shown_px, busy))
    if named is not None:
        return await parts.encoder.run(load, named)
    wanted = profile.avatar or default
    try:
        return await parts.encoder.run(load, wanted)
    except UnknownAvatar:
        if wanted == default:
            raise
        log.warning("tutor_avatar_missing", tutor=profile.id, avatar=wanted, used=default)
        return await parts.encoder.run(load, default)
