"""One request to a chat endpoint and its answer, as text deltas; whatever else comes is an error that says why.

Runs on the event loop. The server may answer with a stream or in one piece, may think first, and may break off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import structlog

from engine.contracts import CutShort, TokenCount
from engine.llm.answer import Answer
from engine.llm.chunks import Chunk, ServerError, read_chunk
from engine.llm.endpoint import EndpointSource
from engine.llm.events import EventReader, NotAnAnswer, TooMuch
from engine.llm.failures import Refused, RequestFailed, plain_text, read_error, wrong_setting
from engine.llm.http import BadEncoding, ChatHttp, body_pieces, error_body
from engine.llm.steps import StepCount, Steps
from engine.llm.stumbles import Stumbled, Watch

log = structlog.get_logger(__name__)

LAST_BYTES_S = 0.05
"""How long the end of a finished answer is waited for, so that its connection can be used again."""


@dataclass(frozen=True, slots=True)
class ReplyLimits:
    """How long to wait for a reply, and how long it may be."""

    connect_s: float = 5.0
    first_token_s: float = 20.0
    """From the request to the first text or the first sign of thinking, including the connection and a retry."""

    token_s: float = 10.0
    """Between two pieces of text or of thinking after that."""

    thinking_s: float = 60.0
    """From the request to the first text, when the model thinks before it answers."""

    retry_pause_s: float = 0.2
    longest_retry_after_s: float = 3.0
    """The longest ``Retry-After`` that is waited for; a longer one is an error at once."""

    max_tokens: int = 160


class Exchange:
    """One request and its answer.

    Args:
        limits: times; the length limit is the request's.
        watch: notices when the answer is spoiled.
        suspicious: hold back an answer that begins like thinking.
        unopened: thinking has no opening tag at this endpoint.
        steps: how the answer is divided; None: it comes in one piece.
    """

    def __init__(
        self, limits: ReplyLimits, watch: Watch, *, suspicious: bool, unopened: bool, steps: Steps | None = None
    ) -> None:
        self.reason = "no answer to the request; see llm.first_token_timeout_s"
        """What went wrong, for the log; may quote the server."""
        self.thought = False
        """The model was seen thinking."""
        self.refused_to_go_on = False
        """The server does not continue answers: its model's chat template cannot."""
        self.unopened: bool | None = None
        """Whether thinking had no opening tag; None when there was nothing to learn."""
        self._limits = limits
        self._watch = watch
        self._steps = steps
        self._answer = Answer(unopened=unopened, suspicious=suspicious)
        self._expects_unopened = unopened
        self._said = False
        self._finish: str | None = None
        self._usage: TokenCount | None = None
        self._usage_before: TokenCount | None = None
        """What was counted in the steps before this one."""
        self._choice: int | None = None
        """Which of several answers is read: the first that came."""
        self._began = asyncio.get_running_loop().time()

    async def run(
        self, http: ChatHttp, source: EndpointSource, body: dict[str, Any], max_tokens: int, deadline: float
    ) -> AsyncGenerator[str, None]:
        """Send ``body``; yields the answer's text, then a ``TokenCount`` if the server told its usage. Where the
        answer is cut short, a ``CutShort`` is the last item.

        Args:
            http: the connections.
            source: where to.
            body: the request.
            max_tokens: of the text; a server that ignores the limit is cut off.
            deadline: for the first token, on the loop's clock.

        Raises:
            Refused: the server refuses the request, or fails before its answer begins.
            Stumbled: the answer is spoiled, and nothing of it was yielded.
            RequestFailed: everything else; ``reason`` says more.
        """
        try:
            chunks = self._asked(http, source, StepCount(self._steps, body, max_tokens), deadline)
            async with aclosing(self._read(chunks, max_tokens)) as deltas:
                async for delta in deltas:
                    yield delta
        except TimeoutError as error:
            if isinstance(error, aiohttp.ConnectionTimeoutError):
                raise self._unreachable("the language model cannot be reached in time", error) from None
            await source.suspect()
            raise RequestFailed("the language model is too slow", again=False) from None
        except (aiohttp.ClientConnectorError, aiohttp.ClientResponseError, aiohttp.InvalidURL) as error:
            raise self._unreachable("the language model cannot be reached", error) from None
        except (aiohttp.ClientError, OSError) as error:
            self.reason = f"{type(error).__name__}: {error}"
            where = "broke off its answer" if self._said else "cannot be reached"
            raise RequestFailed(f"the language model {where}") from None
        except (TooMuch, BadEncoding) as error:
            self.reason = str(error)
            raise RequestFailed("the language model sent an invalid answer") from None

    async def _asked(
        self, http: ChatHttp, source: EndpointSource, count: StepCount, deadline: float
    ) -> AsyncGenerator[Chunk, None]:
        """The pieces of the answer, of all its steps."""
        loop = asyncio.get_running_loop()
        while True:
            async with count.next() as body:
                async with asyncio.timeout_at(deadline):
                    async with asyncio.timeout(self._limits.connect_s):
                        at = await source.endpoint()
                    response = await http.post(at, body)
                try:
                    await self._check_step(response, deadline)
                    async with aclosing(self._chunks(response, deadline)) as chunks:
                        async for chunk in chunks:
                            count.wrote(chunk.text, loop.time())
                            yield chunk
                finally:
                    response.release()
            if self._finish != "length" or not count.more() or self.thought:
                return
            self._finish = None
            self._usage_before, self._usage = self._total_usage(), None
            await count.wanted()
            deadline = loop.time() + self._limits.first_token_s

    def _total_usage(self) -> TokenCount | None:
        """Of all steps: the prompt was the same, and what was written adds up."""
        before, last = self._usage_before, self._usage
        if before is None or last is None:
            return before if last is None else last  # a count is an empty string: never true
        return TokenCount(before.prompt, before.completion + last.completion)

    def _unreachable(self, message: str, error: Exception) -> RequestFailed:
        self.reason = f"{type(error).__name__}: {error}"
        return wrong_setting(message, "llm.base_url", again=True, refused=False)

    async def _check_step(self, response: aiohttp.ClientResponse, deadline: float) -> None:
        """As ``_check``; a refusal to go on with an answer that has begun is no reason to ask for it again."""
        try:
            await self._check(response, deadline)
        except Refused as refusal:
            if not self._said:
                raise
            self.refused_to_go_on = True
            self.reason = refusal.error.reason
            raise RequestFailed("the language model broke off its answer", again=False) from None

    async def _check(self, response: aiohttp.ClientResponse, deadline: float) -> None:
        """Raises unless the answer's status is a good one."""
        if 200 <= response.status < 300:
            return
        try:
            async with asyncio.timeout_at(min(deadline, asyncio.get_running_loop().time() + self._limits.connect_s)):
                error = read_error(await error_body(response))
        except TimeoutError:
            error = ServerError("no reason in time")
        if 300 <= response.status < 400:
            to = urlsplit(urljoin(str(response.url), response.headers.get("Location", "")))
            error = ServerError(f"a redirect to {to.scheme}://{to.netloc}{to.path}, which is not followed")
        raise Refused(response.status, error, response.headers.get("Retry-After"))

    async def _read(self, pieces: AsyncGenerator[Chunk, None], max_tokens: int) -> AsyncGenerator[str, None]:
        """The answer's text."""
        # A server may ignore the limit of tokens; these bounds end its answer.
        chunks_left, chars_left = 4 * max_tokens + 64, 10 * max_tokens + 256
        async with aclosing(pieces) as chunks:
            async for chunk in chunks:
                if text := self._answer.push(chunk.text):
                    chunks_left -= 1
                    chars_left -= len(text)
                    if text := self._watch.push(text):
                        self._said = True
                        yield text[: len(text) + min(0, chars_left)]
                if chunks_left <= 0 or chars_left <= 0:
                    self._finish = "length"
                if self._answer.ended or self._watch.repeats or chunks_left <= 0 or chars_left <= 0:
                    break
        if not self._watch.repeats and (rest := self._rest()):
            self._said = True
            yield rest
        self._note_thinking()
        if self._finish == "content_filter":
            self.reason = "the server's content filter ended the answer"
            raise RequestFailed("the language model may not answer this", again=False, refused=True)
        if not self._said:
            raise self._nothing_said()
        if (usage := self._total_usage()) is not None:
            yield usage
        if self._watch.repeats:
            yield CutShort("…")
        elif self._finish in ("length", "max_tokens"):
            log.info("llm_answer_cut_short", setting="llm.max_tokens", max_tokens=max_tokens)
            yield CutShort("…")

    def _rest(self) -> str:
        """What was held back of the answer that is over."""
        return self._watch.push(self._answer.finish()) + self._watch.finish()

    async def _chunks(self, response: aiohttp.ClientResponse, deadline: float) -> AsyncGenerator[Chunk, None]:
        """The pieces of the answer, each within its time."""
        reader = EventReader()
        pieces = body_pieces(response)
        ended = False
        while not ended:
            async with asyncio.timeout_at(self._limit(deadline)):
                data = await anext(pieces, None)
            try:
                events = reader.close() if data is None else reader.push(data)
            except NotAnAnswer as error:
                raise self._no_answer(response, error) from None
            for event in events:
                chunk = read_chunk(event, self._choice)
                self._choice = chunk.choice if self._choice is None else self._choice
                if chunk.error is not None:
                    raise self._broken(chunk.error)
                if chunk.thinking:
                    self.thought = True
                self._finish = chunk.finish or self._finish
                self._usage = chunk.usage if chunk.usage is not None else self._usage
                yield chunk
            self.thought |= self._answer.thought
            ended = data is None or reader.done
        if reader.done:
            await self._drain(response)

    def _limit(self, deadline: float) -> float:
        """When the next piece must be there."""
        now = asyncio.get_running_loop().time()
        if self._said:
            self.reason = "the answer stopped; see llm.token_timeout_s"
            return now + self._limits.token_s
        if self.thought or self._answer.thinking:
            self.reason = "the model is still thinking; see llm.thinking and llm.thinking_timeout_s"
            return min(now + self._limits.token_s, max(deadline, self._began + self._limits.thinking_s))
        self.reason = "no sign of an answer; see llm.first_token_timeout_s"
        return deadline

    async def _drain(self, response: aiohttp.ClientResponse) -> None:
        try:
            async with asyncio.timeout(LAST_BYTES_S):
                await response.content.readany()
        except (TimeoutError, aiohttp.ClientError):
            pass  # the connection is closed in place of being used again

    def _broken(self, error: ServerError) -> Exception:
        """An error in the stream."""
        self._note_thinking()
        if not self._said:
            return Refused(error.status or 500, error)
        self.reason = error.reason
        return RequestFailed("the language model broke off its answer")

    def _no_answer(self, response: aiohttp.ClientResponse, error: NotAnAnswer) -> RequestFailed:
        self.reason = f"{response.content_type} in place of an answer: {plain_text(error.start)}"
        if response.content_type == "text/html":
            return wrong_setting("the language model sent an invalid answer", "llm.base_url", again=True, refused=False)
        return RequestFailed("the language model sent an invalid answer")

    def _note_thinking(self) -> None:
        self.thought |= self._answer.thought
        if self._answer.unopened:
            self.unopened = True
            log.warning("llm_thinking_without_opening_tag", hint="give the server a reasoning parser")
        elif self._expects_unopened and self._said:
            self.unopened = False

    def _nothing_said(self) -> RequestFailed | Stumbled:
        if self.thought:
            self.reason = f"it only thought (finish_reason {self._finish}); see llm.thinking and llm.max_tokens"
        elif self._answer.called_tool or self._finish == "tool_calls":
            self.reason = "it called a tool; the engine offers none"
        else:
            self.reason = f"an empty answer (finish_reason {self._finish})"
            return Stumbled("empty", self.reason)
        return RequestFailed("the language model gave no answer")
