"""The language model as the conversation sees it: chat messages in, text deltas out.

``OpenAIChat`` talks to any OpenAI-compatible endpoint. It runs on the event loop. Closing
the iterator (or cancelling the task that reads it) closes the HTTP request at once, which
stops the generation upstream. Whatever goes wrong there becomes ``LanguageModelFailed``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import structlog

from engine.concurrency.attempts import Neighbour, attempts
from engine.concurrency.breaker import CircuitBreaker
from engine.contracts import Message
from engine.errors import LanguageModelFailed
from engine.llm.endpoint import Endpoint, EndpointSource
from engine.llm.failures import RequestFailed, from_status
from engine.llm.prefills import Prefill, Prefills

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ReplyLimits:
    """How long to wait for a reply, and how long it may be."""

    connect_s: float = 5.0
    first_token_s: float = 20.0
    """From the request to the first text, including the connection and a retry."""

    token_s: float = 10.0
    """Between two pieces of text after that."""

    retry_pause_s: float = 0.2
    longest_retry_after_s: float = 3.0
    """The longest ``Retry-After`` that is waited for; a longer one is an error at once."""

    max_tokens: int = 160


@dataclass(slots=True)
class OpenAIChat:
    """A ``LanguageModel`` over the OpenAI SDK. Serves all sessions; close it at the end.

    Args:
        source: where the model is.
        model: its name at the endpoint.
        limits: times and sizes.
        temperature: sampling temperature, unless a reply asks for another.
        extra_body: further fields of the request, for this kind of server.
    """

    source: EndpointSource
    model: str
    limits: ReplyLimits = field(default_factory=ReplyLimits)
    temperature: float = 0.3
    extra_body: dict[str, Any] | None = None
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    prefills: Prefills = field(default_factory=Prefills)
    _client: AsyncOpenAI | None = None
    _at: Endpoint | None = None

    async def start(self) -> None:
        """Import the SDK (over a second) and build the client before the first reply needs it."""
        await asyncio.to_thread(_import_sdk)
        client = await self._connected()
        # The SDK imports its resources when they are first touched.
        await asyncio.to_thread(lambda: client.chat.completions.create)

    async def close(self) -> None:
        """Close kept connections. Idempotent."""
        client, self._client, self._at = self._client, None, None
        if client is not None:
            await client.close()

    async def prefill(self, messages: Sequence[Message]) -> None:
        """Let the server read a prompt in advance, so that only the question is left to read when a reply is due.

        Waits while replies are made. A failure costs nothing but the saving: it is logged and otherwise ignored.

        Args:
            messages: end with a message of the student, which may be a different one when the reply is due.
        """
        prefill = Prefill(tuple(messages[:-1]))
        try:
            if await self.prefills.turn(prefill):
                async with aclosing(self._deltas(messages, 1, self.temperature)) as deltas:
                    async for _ in deltas:
                        break
        except LanguageModelFailed as error:
            log.info("llm_prefill_failed", error=error.message)
        finally:
            self.prefills.over(prefill)

    async def reply(
        self, messages: Sequence[Message], *, max_tokens: int | None = None, temperature: float | None = None
    ) -> AsyncGenerator[str, None]:
        """Stream the answer to ``messages``; see ``LanguageModel.reply``."""
        with self.prefills.replying():
            await self.prefills.settled(messages, self.limits.first_token_s / 2)
            sampled = self.temperature if temperature is None else temperature
            async with aclosing(self._deltas(messages, max_tokens or self.limits.max_tokens, sampled)) as deltas:
                async for delta in deltas:
                    yield delta

    async def _deltas(
        self, messages: Sequence[Message], max_tokens: int, temperature: float
    ) -> AsyncGenerator[str, None]:
        """Up to two requests, unless the circuit breaker is open."""
        limits = self.limits
        deadline = asyncio.get_running_loop().time() + limits.first_token_s
        neighbour = Neighbour(
            "the language model", LanguageModelFailed, limits.retry_pause_s, limits.longest_retry_after_s
        )
        tries = attempts(neighbour, self.breaker, lambda: self._stream(messages, max_tokens, temperature, deadline))
        async with aclosing(tries) as deltas:
            async for delta in deltas:
                yield delta

    async def _stream(
        self, messages: Sequence[Message], max_tokens: int, temperature: float, deadline: float
    ) -> AsyncGenerator[str, None]:
        """One request; errors of the SDK and the transport become ``RequestFailed``."""
        sdk = _import_sdk()
        loop = asyncio.get_running_loop()
        # A server may ignore max_tokens; these bounds end its answer.
        chunks_left, chars_left = 4 * max_tokens + 64, 32 * max_tokens + 256
        said = False
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout_at(deadline):
                    client = await self._connected()
                    request: Any = client.chat.completions.create
                    stream: AsyncStream[ChatCompletionChunk] = await request(
                        model=self.model,
                        messages=list(messages),
                        stream=True,
                        max_tokens=max_tokens,
                        temperature=temperature,
                        extra_body=self.extra_body,
                    )
                stack.push_async_callback(stream.close)
                chunks = aiter(stream)
                while chunks_left > 0 and chars_left > 0:
                    async with asyncio.timeout_at(loop.time() + self.limits.token_s if said else deadline):
                        chunk = await anext(chunks, None)
                    if chunk is None:
                        break
                    chunks_left -= 1
                    if text := _delta_text(chunk):
                        said = True
                        chars_left -= len(text)
                        yield text
        except TimeoutError:
            await self.source.suspect()
            raise RequestFailed("the language model is too slow", again=False) from None
        except sdk.APITimeoutError:
            raise RequestFailed("the language model cannot be reached in time") from None
        except sdk.APIStatusError as error:
            raise from_status(error.status_code, error.response.headers.get("retry-after")) from None
        except (sdk.APIConnectionError, OSError) as error:
            where = "broke off its answer" if said else "cannot be reached"
            log.info("llm_connection_failed", error=type(error).__name__)
            raise RequestFailed(f"the language model {where}") from None
        except (sdk.OpenAIError, ValueError, TypeError, KeyError, AttributeError) as error:
            # The SDK raises these if the stream is not one of chat chunks.
            log.info("llm_invalid_stream", error=type(error).__name__)
            raise RequestFailed("the language model sent an invalid answer") from None
        if not said:
            raise RequestFailed("the language model gave no answer")

    async def _connected(self) -> AsyncOpenAI:
        """The client for where the model is now."""
        sdk = _import_sdk()
        async with asyncio.timeout(self.limits.connect_s):
            at = await self.source.endpoint()
        client: AsyncOpenAI
        if self._client is None:
            # The SDK is loaded by now, so this import is cheap; reading the certificates takes over 100 ms.
            from engine.llm.http import http_client

            limit_s = self.limits.connect_s
            timeout = sdk.Timeout(connect=limit_s, write=limit_s, read=None, pool=limit_s)
            http = await asyncio.to_thread(http_client, sdk, at.base_url, timeout)
            client = sdk.AsyncOpenAI(
                base_url=at.base_url, api_key=at.api_key, max_retries=0, timeout=timeout, http_client=http
            )
        else:
            client = self._client
            if at != self._at:
                client = client.with_options(base_url=at.base_url, api_key=at.api_key)
        self._client, self._at = client, at
        return client


def _delta_text(chunk: Any) -> str:
    """The text of a chunk, or "". The SDK does not validate what it parses, so anything may be in it."""
    choices = getattr(chunk, "choices", None)
    if not isinstance(choices, list) or not choices:
        return ""
    content = getattr(getattr(choices[0], "delta", None), "content", None)
    return content if isinstance(content, str) else ""


def _import_sdk() -> Any:
    import openai

    return openai
