"""The language model as seen by a turn: chat messages in, text deltas out.

``OpenAIChat`` speaks to any OpenAI-compatible endpoint. It runs on the event loop; closing
the iterator (or cancelling the task that reads it) closes the HTTP request at once, which
stops the generation upstream. Whatever goes wrong there becomes ``LanguageModelFailed``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from engine.concurrency.breaker import CircuitBreaker
from engine.contracts import Message
from engine.errors import LanguageModelFailed
from engine.llm.embedded import EmbeddedModel, EmbeddedServer, Endpoint
from engine.llm.prefills import Prefill, Prefills
from engine.models.gguf import faster_prompts
from engine.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

log = structlog.get_logger(__name__)

RETRY_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""HTTP answers after which a second try may work."""

SMALL_MODEL_SAMPLING = {"cache_prompt": True, "min_p": 0.3, "dry_multiplier": 0.8, "dry_sequence_breakers": ["\n"]}
"""llama.cpp's own fields: a small model wanders off on unlikely tokens and repeats itself without them.

One breaker instead of its four: each makes every request go through the whole vocabulary first.
"""


class EndpointSource(Protocol):
    """Tells where the model is; the embedded one moves when it is restarted."""

    async def endpoint(self) -> Endpoint: ...

    async def suspect(self) -> None:
        """It did not answer in time."""


@dataclass(frozen=True, slots=True)
class FixedEndpoint:
    """An endpoint somebody else runs."""

    at: Endpoint

    async def endpoint(self) -> Endpoint:
        return self.at

    async def suspect(self) -> None:
        """Nothing to be done about it from here."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, and for how much."""

    connect_s: float = 5.0
    first_token_s: float = 20.0
    """From the request to the first text, the connection and a retry included."""

    token_s: float = 10.0
    """Longest silence after that."""

    retry_pause_s: float = 0.2
    longest_retry_after_s: float = 3.0
    """A ``Retry-After`` up to this is waited for; a longer one is an error at once."""

    max_tokens: int = 160


@dataclass(slots=True)
class OpenAIChat:
    """A ``LanguageModel`` over the OpenAI SDK. Serves all sessions; close it at the end.

    Args:
        source: where the model is.
        model: its name at the endpoint.
        limits: times and sizes.
        temperature: sampling temperature where a reply names none, 0..2.
        extra_body: fields only this kind of server knows.
    """

    source: EndpointSource
    model: str
    limits: Limits = field(default_factory=Limits)
    temperature: float = 0.3
    extra_body: dict[str, Any] | None = None
    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    prefills: Prefills = field(default_factory=Prefills)
    _client: AsyncOpenAI | None = None
    _at: Endpoint | None = None

    async def start(self) -> None:
        """Import the SDK (over a second) and build the client before the first turn needs it."""
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
        """Let the server digest a prompt before it is asked, so that only the question is left to read.

        ``messages`` end with some message of the student, which may be another one when it is asked.
        Waits while replies are made. Only ever a saving: a failure is logged and otherwise ignored.
        """
        prefill = Prefill(tuple(messages[:-1]))
        try:
            if await self.prefills.turn(prefill):
                async with aclosing(self._judged(messages, 1, self.temperature)) as deltas:
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
            async with aclosing(self._judged(messages, max_tokens or self.limits.max_tokens, sampled)) as deltas:
                async for delta in deltas:
                    yield delta

    async def _judged(
        self, messages: Sequence[Message], max_tokens: int, temperature: float
    ) -> AsyncGenerator[str, None]:
        """Ask unless the circuit breaker is open, and tell it how that went."""
        now = time.monotonic()
        if not self.breaker.allow(now):
            raise LanguageModelFailed(
                "the language model is down", retry_after_s=max(1.0, round(self.breaker.retry_after_s(now), 1))
            )
        judged = False
        try:
            async with aclosing(self._attempts(messages, max_tokens, temperature)) as deltas:
                async for delta in deltas:
                    if not judged:
                        self.breaker.succeeded()
                        judged = True
                    yield delta
        except LanguageModelFailed as error:
            judged = True
            if isinstance(error, _Refused):
                self.breaker.abandoned()
            else:
                self.breaker.failed(time.monotonic())
            raise
        finally:
            if not judged:
                self.breaker.abandoned()

    async def _attempts(
        self, messages: Sequence[Message], max_tokens: int, temperature: float
    ) -> AsyncGenerator[str, None]:
        """At most two, the second one only while nothing has been said."""
        deadline = asyncio.get_running_loop().time() + self.limits.first_token_s
        for last in (False, True):
            began = False
            try:
                async with aclosing(self._stream(messages, max_tokens, temperature, deadline)) as deltas:
                    async for delta in deltas:
                        began = True
                        yield delta
                if began:
                    return
                raise _Broken("the language model gave no answer")
            except _Broken as error:
                if began or last or not error.again:
                    raise
                pause = error.retry_after_s if error.retry_after_s is not None else self.limits.retry_pause_s
                if pause > self.limits.longest_retry_after_s:
                    raise
                log.info("llm_retry", error=error.message, pause_s=pause)
                await asyncio.sleep(pause)

    async def _stream(
        self, messages: Sequence[Message], max_tokens: int, temperature: float, deadline: float
    ) -> AsyncGenerator[str, None]:
        """One request; SDK and transport errors come out as ours."""
        sdk = _import_sdk()
        loop = asyncio.get_running_loop()
        # A server that ignores max_tokens must not talk for ever.
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
                        return
                    chunks_left -= 1
                    if text := _delta_text(chunk):
                        said = True
                        chars_left -= len(text)
                        yield text
        except TimeoutError:
            await self.source.suspect()
            raise _Broken("the language model is too slow", again=False) from None
        except sdk.APITimeoutError:
            raise _Broken("the language model can not be reached in time") from None
        except sdk.APIStatusError as error:
            raise _from_status(error.status_code, error.response.headers.get("retry-after")) from None
        except (sdk.APIConnectionError, OSError) as error:
            where = "broke off" if said else "can not be reached"
            log.info("llm_connection", error=type(error).__name__)
            raise _Broken(f"the language model {where}") from None
        except (sdk.OpenAIError, ValueError, TypeError, KeyError, AttributeError) as error:
            # What the SDK raises on a stream that is no stream of chat chunks.
            log.info("llm_rubbish", error=type(error).__name__)
            raise _Broken("the language model sent something unreadable") from None

    async def _connected(self) -> AsyncOpenAI:
        """The client for where the model is now."""
        sdk = _import_sdk()
        async with asyncio.timeout(self.limits.connect_s):
            at = await self.source.endpoint()
        client: AsyncOpenAI
        if self._client is None:
            # The SDK is there by now, so this import is cheap; reading the certificates takes over 100 ms.
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


class _Broken(LanguageModelFailed):
    """The neighbour's fault; ``again`` when a second try may help."""

    def __init__(self, message: str, *, again: bool = True, retry_after_s: float | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.again = again


class _Refused(_Broken):
    """The neighbour works but does not take this request: no reason to stop asking it."""


def _from_status(status: int, retry_after: str | None) -> _Broken:
    if status == 429:
        seconds = float(retry_after) if retry_after and retry_after.replace(".", "", 1).isdigit() else None
        return _Refused("the language model is asked too often", retry_after_s=seconds)
    if status in (401, 403):
        return _Refused("the language model refuses our key", again=False)
    if status < 500 and status not in RETRY_STATUS:
        return _Refused(f"the language model refuses the request (status {status})", again=False)
    return _Broken(f"the language model is in trouble (status {status})", again=status in RETRY_STATUS)


def _delta_text(chunk: Any) -> str:
    """The text of a chunk. The SDK does not validate what it parses, so anything may be in it."""
    choices = getattr(chunk, "choices", None)
    if not isinstance(choices, list) or not choices:
        return ""
    content = getattr(getattr(choices[0], "delta", None), "content", None)
    return content if isinstance(content, str) else ""


def _import_sdk() -> Any:
    import openai

    return openai


@asynccontextmanager
async def language_model(
    settings: Settings, model: Path | None = None, *, gpu_layers: int = 0
) -> AsyncIterator[OpenAIChat]:
    """The language model the settings ask for, started and warm; ended with the block.

    Args:
        settings: the ``llm_*`` ones.
        model: the GGUF file to serve when no ``llm_base_url`` is set.
        gpu_layers: how many of its layers run on the GPU.

    Raises:
        LanguageModelFailed: the embedded model did not start.
    """
    limits = Limits(
        connect_s=settings.llm.connect_timeout_s,
        first_token_s=settings.llm.first_token_timeout_s,
        token_s=settings.llm.token_timeout_s,
        max_tokens=settings.llm.max_tokens,
    )
    async with AsyncExitStack() as stack:
        extra: dict[str, Any] | None = None
        if settings.llm.base_url is not None:
            key = settings.llm.api_key.get_secret_value() if settings.llm.api_key else "none"
            source: EndpointSource = FixedEndpoint(Endpoint(settings.llm.base_url, key))
        elif model is None:
            raise LanguageModelFailed("neither an endpoint nor a model to embed is given")
        else:
            extra = SMALL_MODEL_SAMPLING
            model = await asyncio.to_thread(faster_prompts, model, settings.cache_dir)
            source = await stack.enter_async_context(
                EmbeddedServer(
                    EmbeddedModel(
                        model,
                        threads=settings.llm.threads,
                        slots=settings.llm.slots,
                        context=settings.llm.context,
                        gpu_layers=gpu_layers,
                    )
                )
            )
        chat = OpenAIChat(source, settings.llm.model, limits, settings.llm.temperature, extra)
        stack.push_async_callback(chat.close)
        await chat.start()
        if extra is not None:
            await chat.prefill([{"role": "user", "content": "Hello!"}])
        yield chat
