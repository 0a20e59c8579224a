"""The first stage of a reply: the language model's text, told as it is written and cut into clauses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from engine.concurrency.channel import Channel
from engine.concurrency.streams import closing
from engine.conversation.prompt import Prompt
from engine.conversation.reply_context import ReplyContext
from engine.errors import LanguageModelFailed
from engine.items import Clause
from engine.protocol.outgoing import ErrorEvent, TextDeltaEvent, TextEvent
from engine.text.clauses import ClauseSplitter
from engine.text.language import detect_language
from engine.text.language_runs import language_runs


class TextStage:
    """Writes one reply. ``clauses`` is closed when the text is complete."""

    def __init__(self, context: ReplyContext) -> None:
        self.text = ""
        """The reply so far, as shown."""
        self.clauses: Channel[Clause] = Channel("clauses", 8)
        self._context = context
        self._spoken = context.options.avatar is not None
        self._splitter = ClauseSplitter(context.options.profile.language)
        self._clauses_cut = 0

    async def run(self, prompt: Prompt) -> None:
        """Write the reply to ``prompt``.

        Raises:
            LanguageModelFailed: the model failed and the tutor cannot apologise for it.
        """
        context = self._context
        if prompt.opening:
            self.text = f"{prompt.opening} "
            await context.out.put(TextDeltaEvent(content=self.text))
            await self._cut([prompt.opening])
        try:
            await self._write(prompt)
        except LanguageModelFailed as error:
            if self.text.strip() != prompt.opening or not self._spoken or not context.options.live:
                raise
            await context.out.put(ErrorEvent.of(error))
            self.text = context.options.profile.apology
            await self._cut([self.text])
        await self._cut(self._splitter.flush())
        context.mark("llm_done")
        self.clauses.close()
        self.text = self.text.strip()
        await context.out.put(TextEvent(content=self.text, sources=prompt.sources))

    async def _write(self, prompt: Prompt) -> None:
        context, profile = self._context, self._context.options.profile
        deltas = context.parts.language_model.reply(
            prompt.messages,
            max_tokens=profile.llm_max_tokens or context.parts.settings.llm.max_tokens,
            temperature=profile.llm_temperature,
        )
        early: asyncio.TimerHandle | None = None
        try:
            async with closing(deltas) as stream:
                async for delta in stream:
                    context.mark("llm_first_token")
                    if early is None:
                        loop = asyncio.get_running_loop()
                        early = loop.call_later(ClauseSplitter.DEADLINE_S, self._cut_early)
                    self.text += delta
                    await context.out.put(TextDeltaEvent(content=delta))
                    await self._cut(self._splitter.push(delta))
        finally:
            if early is not None:
                early.cancel()

    async def _cut(self, texts: Sequence[str]) -> None:
        for text in texts:
            self._context.mark("first_clause")
            if self._spoken:
                for clause in self._clauses_of(text):
                    await self.clauses.put(clause)

    def _cut_early(self) -> None:
        """Called by a timer: the first clause as far as it goes, when the model is slow to end it."""
        for text in self._splitter.due():
            self._context.mark("first_clause")
            if self._spoken:
                for clause in self._clauses_of(text):
                    self.clauses.put_nowait(clause)

    def _clauses_of(self, text: str) -> list[Clause]:
        """The clause as written, in a piece for each language in it; the next stage fills in ``spoken``."""
        profile = self._context.options.profile
        language = detect_language(text, profile.language, profile.languages)
        clauses = []
        for piece, spoken_in in language_runs(text, language, profile.language):
            clauses.append(Clause(text=piece.strip(), spoken="", language=spoken_in, index=self._clauses_cut))
            self._clauses_cut += 1
        return clauses
