"""What a peer sends on its ``events`` data channel: the socket's messages, except for audio.

Called by aiortc on the event loop for each message; never waits. What cannot be done is answered
with an ``error`` event, and the peer lives on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from engine.contracts import Avatar
from engine.errors import BadRequest, Conflict, EngineError, TooLarge
from engine.protocol import incoming as messages
from engine.protocol.outgoing import PongEvent
from engine.sessions import Session
from engine.transport.commands import obey, refusal
from engine.transport.outbox import Outbox
from engine.transport.rate_limit import RateLimit

MESSAGE_BYTES = 64_000
MESSAGES_PER_SECOND = 50


class Commands:
    """The incoming side of one peer's data channel.

    Args:
        session: whose conversation is told.
        outbox: where errors and pongs go.
        avatar: the face the peer was opened with.
        watch: told whether anybody can see the tutor.
    """

    def __init__(self, session: Session, outbox: Outbox, avatar: Avatar, watch: Callable[[bool], None]) -> None:
        self._session = session
        self._outbox = outbox
        self._avatar = avatar
        self._watch = watch
        self._rate = RateLimit(MESSAGES_PER_SECOND, 1, "messages")

    def receive(self, data: str | bytes) -> None:
        """One message."""
        try:
            if not self._rate.check_once(asyncio.get_running_loop().time()):
                return
            if not isinstance(data, str):
                raise BadRequest("binary messages are not understood; the microphone is the audio track")
            if len(data) > MESSAGE_BYTES:
                raise TooLarge(f"the message has {len(data)} characters; the limit is {MESSAGE_BYTES}")
            message = messages.parse(data)
            # Whoever only asks whether the connection lives does nothing.
            if not isinstance(message, messages.PingMessage):
                self._session.touch()
            self._handle(message)
        except EngineError as error:
            self._outbox.put_nowait(refusal(self._session, error))

    def _handle(self, message: messages.ClientMessage) -> None:
        match message:
            case messages.AudioMessage():
                raise Conflict("type 'audio' is for WebSockets: this peer's microphone is its audio track")
            case messages.ConfigureMessage():
                raise Conflict("type 'configure' is for WebSockets: this peer was configured by its offer")
            case messages.TextMessage():
                obey(self._session, message, self._face(message.avatar_id))
            case messages.PingMessage():
                self._outbox.put_nowait(PongEvent())
            case messages.VisibilityMessage():
                self._watch(message.visible)
            case _:
                obey(self._session, message, self._avatar)

    def _face(self, avatar_id: str | None) -> Avatar:
        """The peer's avatar; another one may not have the size its pictures are encoded in."""
        if avatar_id not in (None, self._avatar.id):
            raise Conflict("the avatar is chosen with the offer (field 'avatar_id')")
        return self._avatar
