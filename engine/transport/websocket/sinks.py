"""A conversation's output on a WebSocket: one clip per reply, or a stream of fragments.

Sinks encode in the shared encoder threads and hand JSON messages to an ``Outbox``; the
outbox's one reader owns the socket. Nothing of an interrupted reply leaves the outbox.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import numpy as np

from engine.concurrency.worker import Worker
from engine.conversation.sink import NO_PICTURES
from engine.items import FRAME_MS, FloatArray, MediaFrame
from engine.protocol.outgoing import (
    DuckEvent,
    ErrorEvent,
    Event,
    InterruptedEvent,
    MediaEvent,
    ResumeEvent,
    TextEvent,
    TranscriptionEvent,
    VideoEvent,
)
from engine.telemetry import Metrics
from engine.transport.media import ClipWriter, FragmentWriter, MediaFormat, wav
from engine.transport.outbox import Outbox
from engine.transport.websocket.line import Line

LONGEST_HOLD_S = 2.5
"""A lowered reply that is neither interrupted nor resumed goes on after this; turn taking decides sooner."""


class ClipSink:
    """The fixed part of the protocol: ``transcription``, ``text``, and one ``video`` per reply.

    Args:
        outbox: the client's.
        encoder: the worker that encodes.
        form: size, bit rates and codec of the media.
    """

    live = False
    picture_every = 1

    def __init__(self, outbox: Outbox, encoder: Worker, form: MediaFormat) -> None:
        self._outbox = outbox
        self._encoder = encoder
        self._form = form
        self._clip: ClipWriter | None = None
        self._audio: list[FloatArray] = []
        self._text = ""

    async def event(self, event: Event) -> None:
        if isinstance(event, TextEvent):
            self._text = event.content
        if isinstance(event, TextEvent | TranscriptionEvent | ErrorEvent | InterruptedEvent):
            await self._outbox.put(event)

    async def media(self, frames: Sequence[MediaFrame]) -> None:
        self._audio += [frame.pcm for frame in frames]
        await self._encoder.run(self._add, frames)

    def _add(self, frames: Sequence[MediaFrame]) -> None:
        if self._clip is None:
            self._clip = ClipWriter(self._form.fitting(frames[0].picture))
        for frame in frames:
            self._clip.add(frame)

    async def finish(self, reply: int) -> None:
        clip, self._clip = self._clip, None
        pcm, self._audio = self._audio, []
        if clip is None:
            return
        video, audio = await self._encoder.run(_pack_clip, clip, pcm)
        await self._outbox.put(
            VideoEvent(turn=reply, video=video, audio=audio, content=self._text, duration_ms=clip.frames * FRAME_MS)
        )

    def drop(self, reply: int) -> None:
        self._clip = None
        self._audio = []
        self._outbox.drop(reply)


def _pack_clip(clip: ClipWriter, pcm: Sequence[FloatArray]) -> tuple[str, str]:
    return (
        base64.b64encode(clip.finish()).decode(),
        base64.b64encode(wav(np.concatenate(pcm))).decode(),
    )


class StreamSink:
    """The streaming part of the protocol: every event as it comes, media as fMP4 fragments paced to playback.

    Args:
        outbox: the client's.
        encoder: the worker that encodes.
        form: size, bit rates and codec of the media.
        ahead_s: seconds the media may be sent ahead of playback.
        metrics: count the pictures that are dropped.
        line: what the client's line takes.
        room: waits until little is under way to the client.
        watched: somebody can see the pictures.
    """

    live = True

    def __init__(
        self,
        outbox: Outbox,
        encoder: Worker,
        form: MediaFormat,
        ahead_s: float,
        metrics: Metrics,
        line: Line,
        room: Callable[[], Awaitable[None]],
        watched: bool = True,
    ) -> None:
        self.watched = watched
        """Somebody can see the pictures; none but the first of a reply are drawn while nobody does."""
        self._outbox = outbox
        self._encoder = encoder
        self._form = form
        self._ahead_s = ahead_s
        self._metrics = metrics
        self._line = line
        self._room = room
        self._writer: FragmentWriter | None = None
        self._spare: FragmentWriter | None = None
        self._reply = 0
        self._seq = 0
        self._sent_ms = 0
        self._began_at = 0.0
        self._lowered = False
        self._going_on = asyncio.Event()

    async def prepare(self) -> str:
        """Open the encoders of the first reply; gives the MIME type for Media Source Extensions."""
        self._spare = await self._encoder.run(FragmentWriter, self._adapted(self._form))
        return self._spare.codecs

    @property
    def picture_every(self) -> int:
        """One picture in this many frames is of use; the others are not sent."""
        return self._line.current.every if self.watched else NO_PICTURES

    async def event(self, event: Event) -> None:
        if isinstance(event, DuckEvent):
            self._lowered = True
            self._going_on.clear()
            self._line.paused()
        elif isinstance(event, ResumeEvent | InterruptedEvent):
            self._lowered = False
            self._going_on.set()
        await self._outbox.put(event)

    async def media(self, frames: Sequence[MediaFrame]) -> None:
        if self._lowered:
            # The client has some frames in store; do not send what may be cut off in a moment.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_HOLD_S):
                    await self._going_on.wait()
            self._lowered = False
            self._line.paused()
        loop = asyncio.get_running_loop()
        first = frames[0]
        if first.reply != self._reply:
            self._begin(first.reply, loop.time())
        ahead_s = self._sent_ms / 1000 - (loop.time() - self._began_at)
        if ahead_s > self._ahead_s:
            await asyncio.sleep(ahead_s - self._ahead_s)
        await self._room()
        frames = self._thinned(frames, loop.time())
        form = self._adapted(self._form.fitting(first.picture))
        if self._writer is None or (self._seq == 0 and form.size != self._form.size):
            self._writer = await self._encoder.run(FragmentWriter, form)
        writer = self._writer
        data = await self._encoder.run(_encode_fragment, writer, frames, form, first=self._seq == 0)
        message = MediaEvent(
            turn=self._reply,
            seq=self._seq,
            start_ms=self._sent_ms,
            duration_ms=len(frames) * FRAME_MS,
            data=data,
            mime=writer.codecs if self._seq == 0 else None,
        )
        self._seq += 1
        self._sent_ms += len(frames) * FRAME_MS
        await self._outbox.put(message)

    def _thinned(self, frames: Sequence[MediaFrame], now: float) -> Sequence[MediaFrame]:
        """Without the pictures the line has no room for; counts them. The first one of a reply always stays."""
        every = self._line.quality(now).every
        if not self.watched:
            return [frame if frame.index == 0 else replace(frame, picture=None) for frame in frames]
        starving = self._line.starving(now)
        left_out = [frame.index > 0 and (starving or frame.index % every > 0) for frame in frames]
        if any(left_out):
            self._metrics.frames.labels("dropped").inc(sum(left_out))
        return [replace(f, picture=None) if out else f for f, out in zip(frames, left_out, strict=True)]

    def _adapted(self, form: MediaFormat) -> MediaFormat:
        """``form`` as good as the line allows. Pictures that nobody sees are made longer, not repeated, as on a thin
        line."""
        quality = self._line.current
        full = quality.video_bitrate == self._line.best.video_bitrate
        return replace(
            form,
            video_bitrate=form.video_bitrate if full else quality.video_bitrate,
            audio_bitrate=quality.audio_bitrate,
            every=quality.every,
            thin=not full or not self.watched,
        )

    def _begin(self, reply: int, now: float) -> None:
        self._line.begin(reply, now)
        self._reply, self._seq, self._sent_ms, self._began_at = reply, 0, 0, now
        self._writer, self._spare = self._spare, None

    async def finish(self, reply: int) -> None:
        writer, self._writer = self._writer, None
        if writer is None or reply != self._reply:
            return
        data = await self._encoder.run(writer.finish)
        if data:
            await self._outbox.put(
                MediaEvent(
                    turn=reply,
                    seq=self._seq,
                    start_ms=self._sent_ms,
                    duration_ms=0,
                    data=base64.b64encode(data).decode(),
                )
            )
        self._spare = await self._encoder.run(FragmentWriter, self._adapted(self._form))

    def drop(self, reply: int) -> None:
        self._writer, self._reply = None, 0
        self._outbox.drop(reply)


def _encode_fragment(writer: FragmentWriter, frames: Sequence[MediaFrame], form: MediaFormat, *, first: bool) -> str:
    writer.adapt(form)
    data = writer.add(frames)
    return base64.b64encode(writer.init_segment + data if first else data).decode()
