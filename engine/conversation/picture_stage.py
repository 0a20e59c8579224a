"""The third stage of a reply: speech in, frames out, each a picture with its own audio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from engine.animation.idle_motion import IdleMotion
from engine.animation.reply_animator import ReplyAnimator
from engine.contracts import Avatar, FrameRequest
from engine.conversation.playback import Playback
from engine.conversation.reply_context import ReplyContext
from engine.conversation.sink import Sink
from engine.conversation.speech_stage import SpeechStage
from engine.items import AnimatedFrame, MediaFrame, Picture, Speech, Word
from engine.protocol.outgoing import CaptionsEvent, CaptionWord
from engine.text.speakable import caption_word

MAX_PICTURES_IN_FLIGHT = 16
"""Pictures of one reply that may exist between the renderer and the sink."""


class PictureStage:
    """Animates one reply and has its pictures drawn.

    Args:
        context: of the reply.
        idle_motion: the session's; the reply's motion begins and ends in it.
        playback: gets the reply's words with their times.
        sink: where the pictures go; tells how many of them are of use.
    """

    def __init__(self, context: ReplyContext, idle_motion: IdleMotion, playback: Playback, sink: Sink) -> None:
        self._context = context
        self._idle_motion = idle_motion
        self._playback = playback
        self._sink = sink
        self._pacing = context.pacing
        self._room = asyncio.Semaphore(MAX_PICTURES_IN_FLIGHT)
        self._spoken_ms = 0.0

    def add_sent(self, frames: int, now: float) -> None:
        """``frames`` were handed to the sink (``now``: seconds on the loop's clock): more may be drawn."""
        self._pacing.add_sent(frames, now)
        for _ in range(frames):
            self._room.release()

    async def run(self, avatar: Avatar, stage: SpeechStage) -> None:
        """Draw everything ``stage`` speaks.

        Raises:
            RenderFailed: the renderer failed.
        """
        context = self._context
        animator = ReplyAnimator(self._idle_motion, asyncio.get_running_loop().time())
        features = context.parts.make_feature_stage()
        async for speech in stage.speech:
            words = self._place(speech)
            if words:
                await context.out.put(CaptionsEvent(words=_captions(words)))
            await self._draw(avatar, await features.add(animator.feed(speech), speech.last))
            stage.first_drawn.set()
        await self._draw(avatar, await features.add(animator.finish(), True))
        context.mark("render_done")

    def _place(self, speech: Speech) -> list[Word]:
        """The words of ``speech``, in ms from the start of the reply."""
        start = self._spoken_ms
        words = [replace(w, start_ms=w.start_ms + start, end_ms=w.end_ms + start) for w in speech.words]
        self._playback.words.extend(words)
        self._spoken_ms += speech.duration_ms
        return words

    async def _draw(self, avatar: Avatar, frames: Sequence[AnimatedFrame]) -> None:
        context, loop = self._context, asyncio.get_running_loop()
        scheduler = context.parts.scheduler
        position = 0
        while position < len(frames):
            batch = frames[position : position + self._pacing.batch_size(loop.time())]
            position += len(batch)
            for _ in batch:
                await self._room.acquire()
            now = loop.time()
            requests = [
                FrameRequest(avatar, frame, self._pacing.deadline(frame.index, now), context.options.session)
                for frame in batch
            ]
            pictures: Sequence[Picture | None]
            if context.options.live:
                pictures = await scheduler.offer(requests, self._sink.picture_every)
            else:
                pictures = await scheduler.render(requests)
            context.mark("first_picture")
            self._pacing.made += len(batch)
            await context.out.put(
                [
                    MediaFrame(0, frame.index, frame.pcm, picture, frame.speaking, frame.pose)
                    for frame, picture in zip(batch, pictures, strict=True)
                ]
            )


def _captions(words: Sequence[Word]) -> tuple[CaptionWord, ...]:
    shown = [(caption_word(word.text), word) for word in words]
    return tuple(
        CaptionWord(text=text, start_ms=round(word.start_ms), end_ms=round(word.end_ms)) for text, word in shown if text
    )
