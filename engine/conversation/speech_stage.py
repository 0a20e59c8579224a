"""The second stage of a reply: clauses in, their speech out, by the voice of each clause's language."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

from engine.concurrency.channel import Channel
from engine.concurrency.streams import closing
from engine.conversation.reply_context import ReplyContext
from engine.errors import SynthesisFailed
from engine.items import Clause, Speech
from engine.protocol.outgoing import ErrorEvent
from engine.text.speakable import speakable

HEAD_START_S = 0.1
"""The longest the voice waits, after its first piece of speech, for the pictures of that piece. Both need the
processor, and the pictures are what the student waits for."""


class SpeechStage:
    """Synthesizes one reply. ``speech`` is closed after the last clause."""

    def __init__(self, context: ReplyContext) -> None:
        self.speech: Channel[Speech] = Channel("speech", 2)
        self.first_drawn = asyncio.Event()
        """Set by the picture stage when it has drawn the first piece of speech."""
        self._context = context

    async def run(self, clauses: Channel[Clause]) -> None:
        """Speak all of ``clauses``. When a voice fails, another one of the language takes over from that clause on.

        Raises:
            SynthesisFailed: a voice failed and there is no other one.
        """
        context = self._context
        failed = False
        async for clause in clauses:
            # In a thread: the text grammars hold the interpreter for milliseconds at a time.
            spoken = await context.parts.text_worker.run(speakable, clause.text, clause.language)
            if not spoken.strip():
                continue
            clause = replace(clause, spoken=spoken)
            voice = context.voice_for(clause.language)
            stand_in = context.parts.voices.stand_in(clause.language, voice)
            if not failed:
                try:
                    await self._say(clause, voice)
                    continue
                except SynthesisFailed as error:
                    if stand_in is None:
                        raise
                    failed = True
                    await context.out.put(ErrorEvent.of(error))
            await self._say(clause, stand_in)
        context.mark("tts_done")
        self.speech.close()

    async def _say(self, clause: Clause, voice: str | None) -> None:
        async with closing(self._context.parts.voices.speak(clause, voice)) as pieces:
            async for speech in pieces:
                self._context.mark("tts_first")
                await self.speech.put(speech)
                if not self.first_drawn.is_set() and self._context.options.live:
                    with contextlib.suppress(TimeoutError):
                        # Not ``wait_for``: before Python 3.12 it loses a cancellation that meets a result.
                        async with asyncio.timeout(HEAD_START_S):
                            await self.first_drawn.wait()
                    self.first_drawn.set()
