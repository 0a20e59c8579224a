"""The first stage of a reply: its text, cut into clauses, each shown and spoken once the guard has let it pass."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set

from engine.animation.expression_choice import ExpressionChooser
from engine.concurrency.channel import Channel
from engine.concurrency.streams import closing
from engine.contracts import CutShort, Message, TokenCount
from engine.conversation.answers import ReadyAnswer
from engine.conversation.prompt import Prompt
from engine.conversation.reply_context import ReplyContext
from engine.errors import LanguageModelFailed
from engine.items import Clause, Expression
from engine.protocol.lessons import Origin
from engine.protocol.outgoing import (
    ErrorEvent,
    ReplyEvent,
    SafetyCategory,
    SafetyEvent,
    SourcePassage,
    TextDeltaEvent,
    TextEvent,
)
from engine.text.clauses import CLOSERS, STOPS, ClauseSplitter
from engine.text.expression_tags import TagReader
from engine.text.language import detect_language
from engine.text.language_runs import language_runs
from engine.text.scripts import is_unspaced
from engine.text.tokens import estimate_tokens

LEAD_S = 12.0
"""The embedded model writes a reply so many seconds of speech ahead of its playback, and then waits: other replies need
the processor now. With 6 s, replies ran dry on a busy machine while a long sentence was being written, since a clause
is spoken only when it is complete."""

LETTER_S, CHARACTER_S = 0.055, 0.2
"""Seconds of speech in a letter, and in a character of a script without spaces. Rather short: measured on the voices,
0.06 to 0.07 and 0.2 to 0.25."""

JUDGED_CHARS = 160
"""The guard reads so much before a clause with it: a sentence may be spread over clauses."""


class TextStage:
    """Writes one reply. ``clauses`` is closed when the text is complete.

    Args:
        context: the reply's.
        question: the student's words.
    """

    def __init__(self, context: ReplyContext, question: str) -> None:
        self.text = ""
        """The reply so far, as shown."""
        self.origin: Origin = "model"
        """Who wrote it."""
        self.sources: Sequence[SourcePassage] = ()
        """What it rests on."""
        self.asked: Sequence[Message] = ()
        """What the language model was given."""
        self.counted: TokenCount | None = None
        """What the endpoint says the model read and wrote; None if it did not say, or was interrupted before."""
        self.held_back: SafetyCategory | None = None
        """What the guard held back: the question, or what the model was about to say."""
        self.failed = False
        """The model failed, and the reply ends in an apology."""
        self.clauses: Channel[Clause] = Channel("clauses", 8)
        self._context = context
        self._spoken = context.options.avatar is not None
        self._question = question
        self._splitter = ClauseSplitter(context.options.profile.language)
        self._clauses_cut = 0
        self._tags = TagReader()
        self._expressions = ExpressionChooser(question)
        self._tagged: list[tuple[int, Expression]] = []
        """Expressions the model asked for, from which character on of what it wrote."""
        self._pushed = self._given = 0
        """Characters of the model's text that went into the splitter, and that came out."""
        self._shown_s = 0.0
        """About how long it takes to say what was given so far."""
        self._written = ""
        """The end of what the model wrote and the guard let pass."""

    @property
    def tokens(self) -> tuple[int, int]:
        """Tokens that the language model read and wrote for it: as its endpoint counted, else estimated."""
        if self.counted is not None:
            return self.counted.prompt, self.counted.completion
        return sum(estimate_tokens(message["content"]) for message in self.asked), estimate_tokens(self.text)

    async def run(self, answer: ReadyAnswer | Prompt) -> None:
        """Give ``answer``, or write the one to a prompt.

        Raises:
            LanguageModelFailed: the model failed and the tutor cannot apologise for it.
        """
        context = self._context
        self.sources = answer.sources or ()
        if isinstance(answer, ReadyAnswer):
            self.origin, self.held_back = answer.origin, answer.held_back
            if answer.held_back is not None:
                self._expressions.console()
                await context.out.put(SafetyEvent(category=answer.held_back, stage="question"))
            await self._cut(self._splitter.push(answer.text))
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
            await self._give(*self._own(f"{prompt.opening} ", [prompt.opening]))
        try:
            await self._write(prompt)
        except LanguageModelFailed as error:
            if not self._spoken or not context.options.live:
                raise
            await self._apologise(error)

    async def _apologise(self, error: LanguageModelFailed) -> None:
        """Speak what has come of the answer, then an apology."""
        context = self._context
        self.failed = True
        context.parts.metrics.errors.labels(error.code).inc()
        await context.out.put(ErrorEvent.of(error))
        await self._end_early()
        apology = context.options.profile.apology
        await self._give(*self._own(f" {apology}" if self.text else apology, [apology]))

    async def _end_early(self) -> None:
        """The text ends early: leave out its unfinished sentence, unless part of that has been spoken."""
        pieces = self._splitter.flush()
        if pieces and not _ends_sentence(pieces[-1]) and _ends_sentence(self.text + "".join(pieces[:-1])):
            pieces.pop()
        await self._cut(pieces)
        self.text = self.text.rstrip()
        if self.text and not _ends_sentence(self.text):
            self.text += "…"

    async def _write(self, prompt: Prompt) -> None:
        context, profile = self._context, self._context.options.profile
        metrics, loop = context.parts.metrics, asyncio.get_running_loop()
        self.asked, asked_at = prompt.messages, loop.time()
        deltas = context.parts.language_model.reply(
            prompt.messages,
            max_tokens=profile.llm_max_tokens or context.parts.settings.llm.max_tokens,
            temperature=profile.llm_temperature,
            dialogue=context.options.session,
            ready=self._wanted if self._spoken and context.options.live else None,
        )
        early: asyncio.TimerHandle | None = None
        try:
            async with closing(deltas) as stream:
                async for delta in stream:
                    if isinstance(delta, TokenCount):
                        self.counted = delta
                        continue
                    if isinstance(delta, CutShort):
                        await self._push(self._tags.flush())
                        await self._end_early()
                        break
                    context.mark("llm_first_token")
                    if early is None:
                        metrics.llm_first_token.observe(loop.time() - asked_at)
                        early = loop.call_later(ClauseSplitter.DEADLINE_S, self._cut_early)
                    await self._push(self._tags.push(delta))
                    if self.held_back is not None:
                        break
                else:
                    await self._push(self._tags.flush())
        finally:
            if early is not None:
                early.cancel()
            for kind, tokens in zip(("prompt", "completion"), self.tokens, strict=True):
                metrics.llm_tokens.labels(kind).inc(tokens)

    async def _wanted(self) -> None:
        """Wait while more of the reply is written than is spoken soon."""
        lead_s = self._shown_s - self._context.pacing.played_s(asyncio.get_running_loop().time())
        if lead_s > LEAD_S:
            await asyncio.sleep(lead_s - LEAD_S)

    async def _push(self, parts: Sequence[str | tuple[Expression]]) -> None:
        """What the model wrote: text, and the expressions it asked for."""
        for part in parts:
            if isinstance(part, tuple):
                self._tagged.append((self._pushed, part[0]))
            else:
                self._pushed += len(part)
                await self._cut(self._splitter.push(part))

    async def _cut(self, texts: Sequence[str]) -> None:
        """Show and speak clauses; after one that is held back there are no more."""
        for text in texts:
            await self._give(*self._judged(text))

    def _cut_early(self) -> None:
        """Called by a timer: give the first clause as far as it goes, since the model is slow to finish it."""
        for text in self._splitter.due():
            events, clauses = self._judged(text)
            for event in events:
                self._context.out.put_nowait(event)
            for clause in clauses:
                self.clauses.put_nowait(clause)

    async def _give(self, events: Sequence[ReplyEvent], clauses: Sequence[Clause]) -> None:
        for event in events:
            await self._context.out.put(event)
        for clause in clauses:
            await self.clauses.put(clause)

    def _judged(self, text: str) -> tuple[list[ReplyEvent], list[Clause]]:
        """What is shown and spoken for the clause ``text``: itself, or other words if the guard holds it back."""
        self._given += len(text)
        if self.origin != "model":
            return self._own(text, [text])
        if self.held_back is not None:
            return [], []
        context, profile = self._context, self._context.options.profile
        safety = context.parts.safety
        caught = safety.answer(self._written + text, profile.safety)
        if caught is None:
            self._written = (self._written + text)[-JUDGED_CHARS:]
            return self._own(text, [text])
        self.held_back = caught
        self._expressions.console()
        instead = safety.text(caught, "answer", self._question, profile)
        events, clauses = self._own(f" {instead}" if self.text else instead)
        return [SafetyEvent(category=caught, stage="answer"), *events], clauses

    def _own(self, text: str, cut: Sequence[str] = ()) -> tuple[list[ReplyEvent], list[Clause]]:
        """``text`` as the next part of the reply: the delta, and its clauses if it is spoken.

        Args:
            text: shown as it is.
            cut: the same in clauses, if it is cut already.
        """
        self._context.mark("first_clause")
        self.text += text
        self._shown_s += sum(CHARACTER_S if is_unspaced(char) else LETTER_S for char in text)
        clauses: list[Clause] = []
        if self._spoken:
            for piece in cut or _sentences(text, self._context.options.profile.language):
                clauses += self._clauses_of(piece)
        return [TextDeltaEvent(content=text)], clauses

    def _clauses_of(self, text: str) -> list[Clause]:
        """The clause as written, one piece for each of its languages; the next stage fills in ``spoken``."""
        profile = self._context.options.profile
        language = detect_language(text, profile.language, profile.languages)
        runs = language_runs(text, language, profile.language)
        if len(runs) > 1 and self._said_by_one_voice(language, {spoken_in for _, spoken_in in runs} - {language}):
            runs = [(text, language)]
        expression = self._expressions.choose(text, self._asked_for())
        clauses = []
        for piece, spoken_in in runs:
            clauses.append(Clause(piece.strip(), "", spoken_in, self._clauses_cut, expression))
            self._clauses_cut += 1
        return clauses

    def _asked_for(self) -> Expression | None:
        """The expression of the clause that was given last, if the model asked for one."""
        asked = [expression for at, expression in self._tagged if at < self._given]
        self._tagged = self._tagged[len(asked) :]
        return asked[-1] if asked else None

    def _said_by_one_voice(self, language: str, others: Set[str]) -> bool:
        """Whether the voice for ``language`` says the words in ``others`` too, without a pause around them."""
        context = self._context
        _, voice = context.parts.voices.choose(language, context.voice_for(language))
        return all(voice.mixes_in(language, other) for other in others)


def _sentences(text: str, language: str) -> list[str]:
    """A finished text, cut into clauses."""
    splitter = ClauseSplitter(language)
    return [*splitter.push(text), *splitter.flush()]


def _ends_sentence(text: str) -> bool:
    return text.rstrip().rstrip(CLOSERS)[-1:] in tuple(STOPS)
