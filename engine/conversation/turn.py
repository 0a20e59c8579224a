"""One reply: think -> speak -> animate -> render -> send, as one task group.

In: chat messages. Out: events and pictures with their sound, to a sink, in order. Cancelling
``run`` cancels every stage; a model call that is already in a thread runs out and its result
is dropped. A turn may begin *held*: it computes its first clause and pictures but sends
nothing until ``release``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from engine.animation.idle_motion import IdleMotion
from engine.animation.reply_animator import ReplyAnimator
from engine.concurrency.channel import Channel
from engine.concurrency.streams import closing
from engine.contracts import Avatar, FrameRequest, Message
from engine.conversation.parts import Parts
from engine.conversation.playback import Playback
from engine.conversation.sink import Sink
from engine.errors import LanguageModelFailed, SynthesisFailed
from engine.items import FRAME_MS, AnimatedFrame, Clause, MediaFrame, Picture, Speech, Word
from engine.protocol.outgoing import (
    CaptionsEvent,
    CaptionWord,
    ErrorEvent,
    ReplyEvent,
    SourcePassage,
    TextDeltaEvent,
    TextEvent,
    numbered,
)
from engine.telemetry import Timeline
from engine.text.clauses import ClauseSplitter
from engine.text.language import detect_language
from engine.text.speakable import speakable
from engine.tutors.profile import TutorProfile

PICTURES_IN_FLIGHT = 16
"""Most pictures of one turn that exist at once between renderer and sink."""

HEAD_START_S = 0.1
"""The voice goes on with its second piece when the pictures of the first are drawn, or after so long: until then they
would take processor time from each other, and the pictures are what the student waits for."""

LARGEST_BATCH = 5
"""Pictures rendered and sent together once there is slack (200 ms of speech)."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the language model is asked, and where the facts in it come from."""

    messages: Sequence[Message]
    sources: tuple[SourcePassage, ...] | None = None
    """Passages of the knowledge base, or None when there is no such base."""

    opening: str = ""
    """Said at once, while a slow model reads a long prompt."""


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """How a reply is given."""

    profile: TutorProfile
    avatar: Avatar | None
    """None: text only, nothing is spoken."""
    session: str = ""


class Turn:
    """One reply on its way. ``number`` is 0 until it is released."""

    def __init__(
        self,
        parts: Parts,
        sink: Sink,
        ask: Callable[[], Awaitable[Prompt]],
        options: TurnOptions,
        timeline: Timeline,
        life: IdleMotion,
    ) -> None:
        self.number = 0
        self.text = ""
        """The reply so far, as shown."""
        self.playback = Playback()
        self.timeline = timeline
        self.on_media: Callable[[], None] | None = None
        """Called whenever sound has left for the client."""
        self._parts = parts
        self._sink = sink
        self._ask = ask
        self._options = options
        self._life = life
        self._loop = asyncio.get_running_loop()
        self._released = asyncio.Event()
        self._clauses: Channel[Clause] = Channel("clauses", 8)
        self._speech: Channel[Speech] = Channel("speech", 2)
        self._out: Channel[ReplyEvent | list[MediaFrame]] = Channel("out", 512)
        self._pictures = asyncio.Semaphore(PICTURES_IN_FLIGHT)
        self._clauses_cut = 0
        self._spoken_ms = 0.0
        self._frames_made = 0
        self._frames_sent = 0
        self._first_drawn = asyncio.Event()
        """The pictures of the first piece of speech have been drawn."""
        self._first_frame_at: float | None = None
        """When the client began to play, on the loop's clock; later by every pause it had to make."""

    def release(self, number: int) -> None:
        """Let it speak, as turn ``number``."""
        self.number = number
        self._released.set()

    async def run(self) -> None:
        """The whole reply. Returns when the last item was handed to the sink.

        Raises:
            ExceptionGroup: of the first stage that failed, usually with one EngineError.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._think(), name="think")
            if self._options.avatar is not None:
                group.create_task(self._speak(), name="speak")
                group.create_task(self._animate(self._options.avatar), name="animate")
            group.create_task(self._send(), name="send")

    def _mark(self, stage: str) -> None:
        self.timeline.mark(stage, self._loop.time())

    async def _think(self) -> None:
        prompt = await self._ask()
        self._mark("prompt")
        splitter = ClauseSplitter(self._options.profile.language)
        early: asyncio.TimerHandle | None = None
        profile, settings = self._options.profile, self._parts.settings
        deltas = self._parts.language_model.reply(
            prompt.messages,
            max_tokens=profile.llm_max_tokens or settings.llm.max_tokens,
            temperature=profile.llm_temperature,
        )
        if prompt.opening:
            self.text = f"{prompt.opening} "
            await self._out.put(TextDeltaEvent(content=self.text))
            await self._cut([prompt.opening])
        try:
            async with closing(deltas) as stream:
                async for delta in stream:
                    self._mark("llm_first_token")
                    if early is None:
                        early = self._loop.call_later(ClauseSplitter.DEADLINE_S, self._cut_early, splitter)
                    self.text += delta
                    await self._out.put(TextDeltaEvent(content=delta))
                    await self._cut(splitter.push(delta))
        except LanguageModelFailed as error:
            if self.text.strip() != prompt.opening or self._options.avatar is None or not self._sink.live:
                raise
            # The student hears that something went wrong, in the tutor's own voice.
            await self._out.put(ErrorEvent.of(error))
            self.text = profile.apology
            await self._cut([profile.apology])
        finally:
            if early is not None:
                early.cancel()
        await self._cut(splitter.flush())
        self._mark("llm_done")
        self._clauses.close()
        self.text = self.text.strip()
        await self._out.put(TextEvent(content=self.text, sources=prompt.sources))
        if self._options.avatar is None:
            self._out.close()

    async def _cut(self, texts: Sequence[str]) -> None:
        for text in texts:
            self._mark("first_clause")
            if self._options.avatar is not None:
                await self._clauses.put(self._clause(text))

    def _cut_early(self, splitter: ClauseSplitter) -> None:
        """A timer's call: the first clause as it stands, when the model is slow to end it."""
        for text in splitter.due():
            self._mark("first_clause")
            if self._options.avatar is not None:
                self._clauses.put_nowait(self._clause(text))

    def _clause(self, text: str) -> Clause:
        """Not yet put into words."""
        index, self._clauses_cut = self._clauses_cut, self._clauses_cut + 1
        profile = self._options.profile
        language = detect_language(text, profile.language, profile.languages)
        return Clause(text=text.strip(), spoken="", language=language, index=index)

    async def _speak(self) -> None:
        stand_in = False
        async for clause in self._clauses:
            # The grammars hold the interpreter for milliseconds at a time, so not on the loop.
            spoken = await self._parts.speller.run(speakable, clause.text, clause.language)
            if not spoken.strip():
                continue
            clause = replace(clause, spoken=spoken)
            voice = self._options.profile.voice_for(clause.language) or self._parts.settings.voice
            spare = self._parts.voices.stand_in(clause.language, voice)
            if not stand_in:
                try:
                    await self._say(clause, voice)
                    continue
                except SynthesisFailed as error:
                    if spare is None:
                        raise
                    stand_in = True
                    await self._out.put(ErrorEvent.of(error))
            # The student hears this clause, and what follows, from a voice that works.
            await self._say(clause, spare)
        self._mark("tts_done")
        self._speech.close()

    async def _say(self, clause: Clause, voice: str | None) -> None:
        async with closing(self._parts.voices.speak(clause, voice)) as pieces:
            async for speech in pieces:
                self._mark("tts_first")
                await self._speech.put(speech)
                if not self._first_drawn.is_set() and self._sink.live:
                    with contextlib.suppress(TimeoutError):
                        # Not ``wait_for``: before Python 3.12 it loses a cancellation that meets a result.
                        async with asyncio.timeout(HEAD_START_S):
                            await self._first_drawn.wait()
                    self._first_drawn.set()

    async def _animate(self, avatar: Avatar) -> None:
        animator = ReplyAnimator(self._life, self._loop.time())
        features = self._parts.make_feature_stage()
        async for speech in self._speech:
            words = self._caption(speech)
            if words:
                captions = [CaptionWord(text=w.text, start_ms=round(w.start_ms), end_ms=round(w.end_ms)) for w in words]
                await self._out.put(CaptionsEvent(words=tuple(captions)))
            await self._render(avatar, await features.add(animator.feed(speech), speech.last))
            self._first_drawn.set()
        await self._render(avatar, await features.add(animator.finish(), True))
        self._mark("render_done")
        self._out.close()

    def _caption(self, speech: Speech) -> list[Word]:
        start = self._spoken_ms
        words = [replace(w, start_ms=w.start_ms + start, end_ms=w.end_ms + start) for w in speech.words]
        self.playback.words.extend(words)
        self._spoken_ms += speech.duration_ms
        return words

    async def _render(self, avatar: Avatar, frames: Sequence[AnimatedFrame]) -> None:
        position = 0
        while position < len(frames):
            size = self._batch_size()
            batch = frames[position : position + size]
            position += len(batch)
            for _ in batch:
                await self._pictures.acquire()
            requests = [
                FrameRequest(avatar, frame, self._deadline(frame.index), self._options.session) for frame in batch
            ]
            pictures: Sequence[Picture | None]
            if self._sink.live:
                pictures = await self._parts.scheduler.offer(requests)
            else:
                pictures = await self._parts.scheduler.render(requests)
            self._mark("first_picture")
            self._frames_made += len(batch)
            await self._out.put(
                [
                    MediaFrame(0, frame.index, frame.pcm, picture, frame.speaking)
                    for frame, picture in zip(batch, pictures, strict=True)
                ]
            )

    def _batch_size(self) -> int:
        """1, 2, then as many as half the slack that is buffered at the client allows."""
        if self._frames_made < 3:
            return 1 if self._frames_made == 0 else 2
        if self._first_frame_at is None:
            return 2
        ahead_ms = self._frames_made * FRAME_MS - (self._loop.time() - self._first_frame_at) * 1000
        return max(1, min(LARGEST_BATCH, int(ahead_ms / 2 / FRAME_MS)))

    def _deadline(self, index: int) -> float:
        """The first picture is wanted now; picture i when the client will have played i of them."""
        start = self._first_frame_at if self._first_frame_at is not None else self._loop.time()
        return start + index * FRAME_MS / 1000

    def _began_playing(self, now: float) -> float:
        """``_first_frame_at`` once more frames arrive now: what ran dry before went on waiting."""
        if self._first_frame_at is None:
            return now
        return max(self._first_frame_at, now - self._frames_sent * FRAME_MS / 1000)

    async def _send(self) -> None:
        await self._released.wait()
        async for item in self._out:
            if not isinstance(item, list):
                await self._sink.event(numbered(item, self.number))
                continue
            frames = [replace(frame, turn=self.number) for frame in item]
            await self._sink.media(frames)
            now = self._loop.time()
            self._first_frame_at = self._began_playing(now)
            self._frames_sent += len(frames)
            self._mark("first_media_sent")
            self.playback.sent(len(frames), now)
            if self.on_media is not None:
                self.on_media()
            for _ in frames:
                self._pictures.release()
        await self._sink.finish(self.number)
        self._mark("sent")
