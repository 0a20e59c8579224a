"""The first stage of a reply: its text, sent as the language model writes it, and cut into clauses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set

from engine.concurrency.channel import Channel
from engine.concurrency.streams import closing
from engine.contracts import CutShort
from engine.conversation.answers import Origin, ReadyAnswer
from engine.conversation.prompt import Prompt
from engine.conversation.reply_context import ReplyContext
from engine.errors import LanguageModelFailed
from engine.items import Clause
from engine.protocol.outgoing import ErrorEvent, TextDeltaEvent, TextEvent
from engine.text.clauses import CLOSERS, STOPS, ClauseSplitter
from engine.text.language import detect_language
from engine.text.language_runs import language_runs


class TextStage:
    """Writes one reply. ``clauses`` is closed when the text is complete."""

    def __init__(self, context: ReplyContext) -> None:
        self.text = ""
        """The reply so far, as shown."""
        self.origin: Origin = "model"
        """Who wrote it."""
        self.failed = False
        """The model failed, and the reply ends in an apology."""
        self.clauses: Channel[Clause] = Channel("clauses", 8)
        self._context = context
        self._spoken = context.options.avatar is not None
        self._splitter = ClauseSplitter(context.options.profile.language)
        self._clauses_cut = 0

    async def run(self, answer: ReadyAnswer | Prompt) -> None:
        """Give ``answer``, or write the one to a prompt.

        Raises:
            LanguageModelFailed: the model failed and the tutor cannot apologise for it.
        """
        context = self._context
        if isinstance(answer, ReadyAnswer):
            self.origin = answer.origin
            await self._add(answer.text)
        else:
            await self._answer(answer)
        await self._cut(self._splitter.flush())
        context.mark("llm_done")
        self.clauses.close()
        self.text = self.text.strip()
        await context.out.put(TextEvent(content=self.text, sources=answer.sources))

    async def _answer(self, prompt: Prompt) -> None:
        context = self._context
        if prompt.opening:
            self.text = f"{prompt.opening} "
            await context.out.put(TextDeltaEvent(content=self.text))
            await self._cut([prompt.opening])
        try:
            await self._write(prompt)
        except LanguageModelFailed as error:
            if not self._spoken or not context.options.live:
                raise
            await self._apologise(error)

    async def _add(self, text: str) -> None:
        """The reply goes on with ``text``."""
        self.text += text
        await self._context.out.put(TextDeltaEvent(content=text))
        await self._cut(self._splitter.push(text))

    async def _apologise(self, error: LanguageModelFailed) -> None:
        """Speak what has come of the answer, then an apology."""
        context = self._context
        self.failed = True
        context.parts.metrics.errors.labels(error.code).inc()
        await context.out.put(ErrorEvent.of(error))
        await self._end_early()
        apology = context.options.profile.apology
        self.text = f"{self.text.rstrip()} {apology}".strip()
        await self._cut([apology])

    async def _end_early(self) -> None:
        """The text ends early: leave out its unfinished sentence, unless part of that has been spoken."""
        pieces = self._splitter.flush()
        self.text = self.text.rstrip()
        if self.text and not _ends_sentence(self.text):
            said = self.text.removesuffix(pieces[-1].rstrip()) if pieces else ""
            if _ends_sentence(said):
                pieces.pop()
                self.text = said.rstrip()
            else:
                self.text += "…"
        await self._cut(pieces)

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
                    if isinstance(delta, CutShort):
                        await self._end_early()
                        break
                    context.mark("llm_first_token")
                    if early is None:
                        loop = asyncio.get_running_loop()
                        early = loop.call_later(ClauseSplitter.DEADLINE_S, self._cut_early)
                    await self._add(delta)
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
        """Called by a timer: speak the first clause as far as it goes, since the model is slow to finish it."""
        for text in self._splitter.due():
            self._context.mark("first_clause")
            if self._spoken:
                for clause in self._clauses_of(text):
                    self.clauses.put_nowait(clause)

    def _clauses_of(self, text: str) -> list[Clause]:
        """The clause as written, one piece for each of its languages; the next stage fills in ``spoken``."""
        profile = self._context.options.profile
        language = detect_language(text, profile.language, profile.languages)
        runs = language_runs(text, language, profile.language)
        if len(runs) > 1 and self._said_by_one_voice(language, {spoken_in for _, spoken_in in runs} - {language}):
            runs = [(text, language)]
        clauses = []
        for piece, spoken_in in runs:
            clauses.append(Clause(text=piece.strip(), spoken="", language=spoken_in, index=self._clauses_cut))
            self._clauses_cut += 1
        return clauses

    def _said_by_one_voice(self, language: str, others: Set[str]) -> bool:
        """Whether the voice for ``language`` says the words in ``others`` too, without a pause around them."""
        context = self._context
        _, voice = context.parts.voices.choose(language, context.voice_for(language))
        return all(voice.mixes_in(language, other) for other in others)


def _ends_sentence(text: str) -> bool:
    return text.rstrip().rstrip(CLOSERS)[-1:] in tuple(STOPS)
