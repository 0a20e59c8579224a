"""Opens the language model the settings ask for: an endpoint, or the embedded model in a child process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from engine.concurrency.breaker import CircuitBreaker
from engine.errors import LanguageModelFailed
from engine.llm.check import watching
from engine.llm.client import OpenAIChat
from engine.llm.embedded import LONGEST_PAUSE_S, EmbeddedModel, EmbeddedServer
from engine.llm.endpoint import Endpoint, EndpointSource, FixedEndpoint
from engine.llm.exchange import ReplyLimits
from engine.models.gguf import faster_prompts
from engine.settings import Settings

SMALL_MODEL_SAMPLING = {"cache_prompt": True, "min_p": 0.3, "dry_multiplier": 0.8, "dry_sequence_breakers": ["\n"]}
"""llama.cpp's own sampling fields. Without them a small model picks unlikely tokens and repeats itself.

One sequence breaker instead of llama.cpp's four, because each makes every request search the whole vocabulary.
"""


@asynccontextmanager
async def language_model(
    settings: Settings, model: Path | None = None, *, gpu_layers: int = 0
) -> AsyncIterator[OpenAIChat]:
    """The language model the settings ask for, started and warmed up; ended when the block is left.

    Args:
        settings: the ``llm_*`` ones.
        model: the GGUF file to serve when no ``llm_base_url`` is set.
        gpu_layers: how many of its layers run on the GPU.

    Raises:
        LanguageModelFailed: the embedded model did not start.
    """
    limits = ReplyLimits(
        connect_s=settings.llm.connect_timeout_s,
        first_token_s=settings.llm.first_token_timeout_s,
        token_s=settings.llm.token_timeout_s,
        thinking_s=settings.llm.thinking_timeout_s,
        max_tokens=settings.llm.max_tokens,
    )
    async with AsyncExitStack() as stack:
        extra: dict[str, Any] | None = None
        if settings.llm.base_url is not None:
            key = settings.llm.api_key.get_secret_value() if settings.llm.api_key else "none"
            source: EndpointSource = FixedEndpoint(Endpoint(settings.llm.base_url, key))
        elif model is None:
            raise LanguageModelFailed("no language model: set llm_base_url, or give a model to embed")
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
        chat = OpenAIChat(
            source,
            settings.llm.model,
            limits,
            settings.llm.temperature,
            extra,
            settings.llm.thinking,
            suspicious=extra is None,
        )
        if extra is not None:
            # The child is started again within this time, whatever happens to it.
            chat.breaker = CircuitBreaker(longest_pause_s=LONGEST_PAUSE_S)
        stack.push_async_callback(chat.close)
        if extra is not None:
            await chat.prefill([{"role": "user", "content": "Hello!"}])
        else:
            await stack.enter_async_context(watching(chat, settings.llm.connect_timeout_s))
        yield chat
