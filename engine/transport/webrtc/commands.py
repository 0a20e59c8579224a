"""What a peer sends on its ``events`` data channel: the socket's messages, sound excepted.

Called by aiortc on the event loop for each message; never waits. What cannot be done is answered
with an ``error`` event, and the peer lives on.
"""

from __future__ import annotations

import asyncio

from engine.contracts import Avatar
from engine.errors import BadRequest, Conflict, EngineError, InvalidField, TooFast, TooLarge
from engine.protocol import incoming as messages
from engine.protocol.outgoing import ErrorEvent, PongEvent
from engine.sessions import Session
from engine.transport.webrtc.events import EventChannel

MESSAGE_BYTES = 64_000
MESSAGES_PER_SECOND = 50


class Commands:
    """The incoming side of one peer's data channel.

    Args:
        session: whose conversation is told.
        events: where errors and pongs go.
        avatar: the face the peer was opened with.
    """

    def __init__(self, session: Session, events: EventChannel, avatar: Avatar) -> None:
        self._session = session
        self._events = events
        self._avatar = avatar
        self._window_began = 0.0
        self._window_count = 0

    def receive(self, data: str | bytes) -> None:
        """One message."""
        self._session.touch()
        try:
            if not self._within_rate():
                return
            if not isinstance(data, str):
                raise BadRequest("binary messages are not understood; the microphone is the audio track")
            if len(data) > MESSAGE_BYTES:
                raise TooLarge(f"the message has {len(data)} characters; the limit is {MESSAGE_BYTES}")
            self._handle(messages.parse(data))
        except EngineError as error:
            self._session.parts.metrics.errors.labels(error.code).inc()
            self._events.put_nowait(ErrorEvent.of(error))

    def _handle(self, message: messages.ClientMessage) -> None:
        conversation = self._session.conversation
        match message:
            case messages.TextMessage():
                limit = self._session.parts.settings.limits.text_chars
                text = message.content.strip()
                if not 0 < len(text) <= limit:
                    raise InvalidField(f"field 'content' has {len(text)} characters; 1 to {limit} are allowed")
                conversation.say(text, self._face(message.avatar_id))
            case messages.InterruptMessage():
                conversation.interrupt()
            case messages.EndTalkMessage():
                conversation.end_talk()
            case messages.PlaybackMessage():
                conversation.acknowledge(message.turn, message.position_ms)
            case messages.PingMessage():
                self._events.put_nowait(PongEvent())
            case messages.AudioMessage():
                raise Conflict("sound comes over the audio track of this peer")
            case messages.ConfigureMessage():
                raise Conflict("a peer is configured by its offer")

    def _face(self, avatar_id: str | None) -> Avatar:
        """The peer's avatar; another one may not have the size its pictures are coded in."""
        if avatar_id not in (None, self._avatar.id):
            raise Conflict("the avatar is chosen with the offer (field 'avatar_id')")
        return self._avatar

    def _within_rate(self) -> bool:
        """Raises TooFast once a second for a flood, and lets the rest of it fall."""
        now = asyncio.get_running_loop().time()
        if now - self._window_began > 1:
            self._window_began, self._window_count = now, 0
        self._window_count += 1
        if self._window_count == MESSAGES_PER_SECOND + 1:
            raise TooFast(f"more than {MESSAGES_PER_SECOND} messages a second", retry_after_s=1)
        return self._window_count <= MESSAGES_PER_SECOND
