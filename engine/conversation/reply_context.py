"""What the stages of one reply share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from engine.concurrency.channel import Channel
from engine.contracts import Avatar
from engine.conversation.pacing import Pacing
from engine.conversation.parts import Parts
from engine.items import MediaFrame
from engine.protocol.outgoing import ReplyEvent
from engine.telemetry.timeline import Timeline
from engine.tutors.profile import TutorProfile

MAX_WAITING_ITEMS = 512
"""Events and batches of frames that wait for the sink. Far more than a reply has events while its pictures are bounded
(``picture_stage.MAX_PICTURES_IN_FLIGHT``), so writing text does not wait for these; see ``text_stage.LEAD_S``."""


@dataclass(frozen=True, slots=True)
class ReplyOptions:
    """Who speaks a reply, and to whom."""

    profile: TutorProfile
    """The tutor: persona, voices, language."""

    avatar: Avatar | None
    """The avatar that speaks. None: text only, nothing is spoken."""

    session: str = ""
    """For logs, and for the renderer."""

    kb_id: str | None = None
    """The knowledge base to look things up in, if there is one."""

    live: bool = True
    """The client plays while it receives: pictures may be dropped, and a failing model is apologised for aloud."""


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """One reply's surroundings, handed to each of its stages."""

    parts: Parts
    options: ReplyOptions

    timeline: Timeline
    """When the stages were reached."""

    pacing: Pacing
    """How far it is made and played."""

    out: Channel[ReplyEvent | list[MediaFrame]]
    """What leaves for the client, in order. The frames do not have their reply number yet."""

    def mark(self, stage: str) -> None:
        """``stage`` is reached now, unless it was before."""
        self.timeline.mark(stage, asyncio.get_running_loop().time())

    def voice_for(self, language: str) -> str:
        """The id of the tutor's voice for a language, else the setting's, else of one that fits the face."""
        options, parts = self.options, self.parts
        named = options.profile.voice_for(language) or parts.settings.voice
        return named or parts.voices.fitting(options.avatar.presents if options.avatar else "", language)


def open_context(parts: Parts, options: ReplyOptions, started_at: float) -> ReplyContext:
    """The context of a new reply. ``started_at``: when its question arrived, seconds on the loop's clock."""
    return ReplyContext(parts, options, Timeline(started_at), Pacing(), Channel("reply-out", MAX_WAITING_ITEMS))
