"""The language model as the conversation sees it: chat messages in, text deltas out.

``OpenAIChat`` talks to any OpenAI-compatible endpoint. It runs on the event loop. Closing
the iterator (or cancelling the task that reads it) closes the HTTP request at once, which
stops the generation upstream. Whatever goes wrong there becomes ``LanguageModelFailed``, and a warning
in the log gives the server's own reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from engine.concurrency.attempts import Neighbour, attempts
from engine.concurrency.breaker import CircuitBreaker
from engine.contracts import Message
from engine.errors import LanguageModelFailed
from engine.llm.dialect import Dialect, Thinking, Wish, shortened, too_long
from engine.llm.endpoint import EndpointSource
from engine.llm.exchange import Exchange, ReplyLimits
from engine.llm.failures import Refused, RequestFailed, for_log, from_status
from engine.llm.http import ChatHttp
from engine.llm.prefills import Prefill, Prefills
from engine.llm.slots import SlotTable
from engine.llm.steps import Steps
from engine.llm.stumbles import Stumbled, Watch, cleaned

log = structlog.get_logger(__name__)

MAX_ADAPTATIONS = 8
"""Requests of one reply that an endpoint may refuse before it gets one it takes."""

MAX_SHORTENINGS = 3
"""How often the dialogue is halved when the prompt does not fit; the last time nothing is left of it."""


@dataclass(slots=True)
class OpenAIChat:
    """A ``LanguageModel`` over HTTP. Serves all sessions; close it at the end.

    Args:
        source: where the model is.
        model: its name at the endpoint.
        limits: times and sizes.
        temperature: sampling temperature, unless a reply asks for another.
        extra_body: further fields of the request, for this kind of server.
        thinking: whether the model is asked to think before it answers.
        suspicious: an answer that begins like thinking aloud is held back until that is settled.
        slots: where the embedded model keeps dialogues; None for any other server.
        steps: how its answers are divided; None for any other server.
    """

    source: EndpointSource
    model: str
    limits: ReplyLimits = field(default_factory=ReplyLimits)
    temperature: float = 0.3
    extra_body: dict[str, Any] | None = None
    thinking: Thinking = "off"
    suspicious: bool = True
    slots: SlotTable | None = None
    steps: Steps | None = None
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    prefills: Prefills = field(default_factory=Prefills)
    dialect: Dialect = field(default_factory=Dialect)
    """How the endpoint is asked, as learned so far."""

    trouble: str | None = None
    """What is wrong with the endpoint, for the operator; None while it works, or is not known yet not to."""

    troubled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while there is trouble."""

    stumbled: Callable[[str], None] = lambda cause: None
    """Told of every spoiled answer: ``echo``, ``script``, ``empty`` or ``repetition``."""

    _http: ChatHttp | None = None

    async def close(self) -> None:
        """Close kept connections. Idempotent."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def prefill(self, messages: Sequence[Message], *, dialogue: str = "") -> None:
        """Let the server read a prompt in advance, so that only the question is left to read when a reply is due.

        Waits while replies are made. A failure costs nothing but the saving: it is logged and otherwise ignored.

        Args:
            messages: end with a message of the student, which may be a different one when the reply is due.
            dialogue: whose prompt it is.
        """
        prefill = Prefill(tuple(messages[:-1]))
        try:
            if await self.prefills.may_read(prefill):
                async with aclosing(self._deltas(messages, 1, self.temperature, dialogue)) as deltas:
                    async for _ in deltas:
                        break
        except LanguageModelFailed as error:
            log.info("llm_prefill_failed", error=error.message)
        finally:
            self.prefills.over(prefill)

    async def reply(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        dialogue: str = "",
        ready: Callable[[], Awaitable[None]] | None = None,
    ) -> AsyncGenerator[str, None]:
        """Stream the answer to ``messages``; see ``LanguageModel.reply``."""
        with self.prefills.replying() as urgency:
            await self.prefills.settled(messages, self.limits.first_token_s / 2)
            sampled = self.temperature if temperature is None else temperature
            steps = None if self.steps is None else replace(self.steps, ready=ready)
            deltas = self._deltas(messages, max_tokens or self.limits.max_tokens, sampled, dialogue, steps)
            async with aclosing(deltas) as stream:
                async for delta in stream:
                    urgency.given(delta)
                    yield delta

    async def _deltas(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        temperature: float,
        dialogue: str,
        steps: Steps | None = None,
    ) -> AsyncGenerator[str, None]:
        """Up to two attempts, unless the circuit breaker is open."""
        slot = self.slots.using(dialogue) if self.slots is not None and dialogue else nullcontext[dict[str, Any]]({})
        with slot as where:
            async with aclosing(self._tries(messages, max_tokens, temperature, where, steps)) as deltas:
                async for delta in deltas:
                    yield delta

    async def _tries(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        temperature: float,
        where: dict[str, Any],
        steps: Steps | None,
    ) -> AsyncGenerator[str, None]:
        limits = self.limits
        deadline = asyncio.get_running_loop().time() + limits.first_token_s
        extra = {**(self.extra_body or {}), **where}
        wish = Wish(self.model, messages, max_tokens, temperature, extra, self.thinking)
        neighbour = Neighbour(
            "the language model", LanguageModelFailed, limits.retry_pause_s, limits.longest_retry_after_s
        )
        tries = attempts(neighbour, self.breaker, lambda: self._attempt(wish, deadline, steps))
        try:
            async with aclosing(tries) as deltas:
                async for delta in deltas:
                    self.note_trouble(None)
                    yield delta
        except RequestFailed as error:
            if error.setting or self.breaker.open:
                self.note_trouble(f"{error.message}: check {error.setting or 'the server'}")
            raise

    def note_trouble(self, trouble: str | None) -> None:
        """The endpoint cannot be used, for this reason; None when it can."""
        self.trouble = trouble
        if trouble is None:
            self.troubled.clear()
        else:
            self.troubled.set()

    async def _attempt(self, wish: Wish, deadline: float, steps: Steps | None) -> AsyncGenerator[str, None]:
        """One attempt: requests, each as the endpoint's refusal of the one before teaches.

        Raises:
            RequestFailed: the last one failed. The log says why.
        """
        dialect, shortenings, spoiled = self.dialect, 0, False
        for _ in range(MAX_ADAPTATIONS):
            watch = Watch(wish.messages, lenient=spoiled)
            exchange = Exchange(
                self.limits,
                watch,
                suspicious=self.suspicious,
                unopened=dialect.unopened,
                steps=None if dialect.thinks else steps,
            )
            begun = False
            try:
                answer = exchange.run(
                    await self._connected(), self.source, dialect.body(wish), wish.max_tokens, deadline
                )
                async with aclosing(answer) as deltas:
                    async for delta in deltas:
                        if not begun:
                            begun = True
                            self._keep(dialect)
                        yield delta
                return
            except Stumbled as stumble:
                self._note_stumble(stumble.cause, stumble.reason)
                if spoiled:
                    self._warn("llm_failed", stumble.reason, wish.messages)
                    raise RequestFailed("the language model gave no answer", again=False) from None
                spoiled, wish = True, replace(wish, messages=cleaned(wish.messages, stumble, watch.held))
            except Refused as refusal:
                failed = from_status(refusal.status, refusal.retry_after, refusal.error.reason)
                details = {"status": refusal.status, "setting": failed.setting}
                self._warn("llm_refused", refusal.error.reason, wish.messages, **details)
                if too_long(refusal.error, refusal.status):
                    shortenings += 1
                    wish = self._shortened(wish, shortenings)
                elif (other := dialect.adapted(refusal.error, refusal.status, wish)) is not None:
                    dialect = other
                else:
                    raise failed from None
            except RequestFailed as error:
                self._warn("llm_failed", exchange.reason or error.message, wish.messages, setting=error.setting)
                raise
            finally:
                self._learn(exchange)
                if watch.repeats:
                    self._note_stumble("repetition", "the answer goes round in circles; the rest is left out")
        raise RequestFailed("the language model rejects every form of the request", again=False, refused=True)

    def _shortened(self, wish: Wish, shortenings: int) -> Wish:
        """With less of the dialogue, after the endpoint found the prompt too long."""
        shorter = shortened(wish.messages)
        if shortenings == MAX_SHORTENINGS:
            rules = [m for m in wish.messages[:1] if m["role"] == "system"]
            shorter = [*rules, wish.messages[-1]]
        if len(shorter) == len(wish.messages) or shortenings > MAX_SHORTENINGS:
            message = "the message is too long for the language model: say it in fewer words"
            raise RequestFailed(message, again=False, refused=True)
        log.warning("llm_prompt_too_long", kept=len(shorter), of=len(wish.messages), setting="llm.context")
        return replace(wish, messages=shorter)

    def _note_stumble(self, cause: str, reason: str) -> None:
        log.warning("llm_stumbled", model=self.model, cause=cause, reason=reason)
        self.stumbled(cause)

    def _keep(self, dialect: Dialect) -> None:
        """``dialect`` worked: ask like this from now on."""
        if difference := dialect.difference(self.dialect):
            log.warning("llm_endpoint_adapted", model=self.model, asking=difference)
        self.dialect = replace(dialect, thinks=self.dialect.thinks, unopened=self.dialect.unopened)

    def _learn(self, exchange: Exchange) -> None:
        """What the answer showed of the model's thinking, and of whether it can go on in steps."""
        if exchange.refused_to_go_on:
            log.warning("llm_refuses_steps", model=self.model)
            self.steps = None
        if exchange.thought and not self.dialect.thinks:
            log.warning("llm_thinks", model=self.model, setting="llm.thinking")
            self.dialect = replace(self.dialect, thinks=True)
        if exchange.unopened is not None and exchange.unopened != self.dialect.unopened:
            self.dialect = replace(self.dialect, unopened=exchange.unopened)

    def _warn(self, event: str, reason: str, messages: Sequence[Message], **details: Any) -> None:
        log.warning(event, model=self.model, reason=for_log(reason, messages), **details)

    async def _connected(self) -> ChatHttp:
        if self._http is None:
            try:
                async with asyncio.timeout(self.limits.connect_s):
                    at = await self.source.endpoint()
            except TimeoutError:
                await self.source.suspect()
                raise RequestFailed("the language model is too slow", again=False) from None
            self._http = self._http or ChatHttp(at.base_url, self.limits.connect_s)
        return self._http
