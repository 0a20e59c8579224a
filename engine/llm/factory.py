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
from engine.llm.completion import COMPLETION_MODEL, EmbeddedCompletion
from engine.llm.embedded import LONGEST_PAUSE_S, EmbeddedModel, EmbeddedServer
from engine.llm.endpoint import Endpoint, EndpointSource, FixedEndpoint
from engine.llm.exchange import ReplyLimits
from engine.llm.gate import StepGate
from engine.llm.slots import SlotTable
from engine.llm.steps import Steps
from engine.models.catalog import locate
from engine.models.gguf import faster_prompts
from engine.settings import Settings

SMALL_MODEL_SAMPLING = {"cache_prompt": True, "min_p": 0.3, "dry_multiplier": 0.8, "dry_sequence_breakers": ["\n"]}
"""llama.cpp's own sampling fields. Without them a small model picks unlikely tokens and repeats itself.

One sequence breaker instead of llama.cpp's four, because each makes every request search the whole vocabulary.
"""

OWN_CONTEXT = 512
"""Tokens of the model that judges words where another one answers: the example and 60 words fit several times."""


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
                        scoring_slots=int(_shares_model(settings)),
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
        stack.push_async_callback(chat.close)
        if extra is not None:
            # The child is started again within this time, whatever happens to it.
            chat.breaker = CircuitBreaker(longest_pause_s=LONGEST_PAUSE_S)
            chat.slots, chat.steps = SlotTable(settings.llm.slots), Steps(gate=StepGate(settings.llm.slots))
            await chat.prefill([{"role": "user", "content": "Hello!"}])
        else:
            await stack.enter_async_context(watching(chat, settings.llm.connect_timeout_s))
        yield chat


@asynccontextmanager
async def completion_scorer(settings: Settings, chat: OpenAIChat) -> AsyncIterator[EmbeddedCompletion]:
    """The small model that judges whether a sentence is over: the one that answers, if it is the same, or its own.

    Args:
        settings: where models are.
        chat: the language model that was opened with these settings.

    Raises:
        ModelMissing: it is not installed.
        LanguageModelFailed: it did not start.
    """
    async with AsyncExitStack() as stack:
        if _shares_model(settings):
            scorer = EmbeddedCompletion(chat.source, settings.llm.slots)
        else:
            found = await asyncio.to_thread(locate, COMPLETION_MODEL, settings.models_dir, settings.cache_dir)
            path = await asyncio.to_thread(faster_prompts, found, settings.cache_dir)
            own = EmbeddedModel(path, threads=settings.llm.threads, slots=0, scoring_slots=1, context=OWN_CONTEXT)
            scorer = EmbeddedCompletion(await stack.enter_async_context(EmbeddedServer(own)), 0)
        stack.push_async_callback(scorer.close)
        await scorer.warm_up()
        yield scorer


def _shares_model(settings: Settings) -> bool:
    """Whether the model that answers is also asked whether a sentence is over."""
    wanted = settings.listening.word_model == COMPLETION_MODEL
    return wanted and settings.llm.base_url is None and settings.llm.model == COMPLETION_MODEL
