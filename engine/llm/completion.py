"""Does a sentence end with these words? Asked of the small embedded language model, which has read many sentences.

The words stand as the student's message in a short chat, without closing punctuation. The model gives the
probabilities of the token that comes next; those that end a sentence or the message are added up. The beginning of
the prompt is always the same and stays in the cache of a slot of its own, so only the student's words are read: about
20 ms on two cores. Runs on the event loop; the model computes in its own process.
"""

from __future__ import annotations

import asyncio
import math
from typing import Any

import aiohttp
import structlog

from engine.llm.endpoint import EndpointSource

COMPLETION_MODEL = "smollm2-135m"
"""The catalogued model whose probabilities the end-of-turn model was fitted to."""

EXAMPLE = (
    "<|im_start|>user\nWhat is seven times eight?<|im_end|>\n"
    "<|im_start|>assistant\nSeven times eight is fifty-six.<|im_end|>\n"
    "<|im_start|>user\nOkay, I understand it now. Can we do another one?<|im_end|>\n"
    "<|im_start|>assistant\nSure! What is nine times six?<|im_end|>\n"
    "<|im_start|>user\n"
)
"""A short lesson in the model's own chat format, so that it expects what students say, with punctuation."""

ENDS = (".", "?", "!", "。", "？", "！", "<|im_end|>")
LIKELIEST = 200
"""Tokens whose probabilities are added up. Those after them hold less than 0.01 in all."""

LONGEST_WORDS = 60
"""Only the last words of a long user turn are read."""

LIMIT_S = 0.5
"""In a conversation, a score that takes longer is of no use: the voice decides without it."""

log = structlog.get_logger(__name__)


class EmbeddedCompletion:
    """``contracts.CompletionScorer`` with llama.cpp's server. Serves all sessions; close it at the end.

    Args:
        source: the embedded server that has ``COMPLETION_MODEL``.
        slot: of that server, for the scores alone.
        limit_s: how long a score may take.
    """

    def __init__(self, source: EndpointSource, slot: int, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._source = source
        self._slot = slot
        self._session: aiohttp.ClientSession | None = None

    async def score(self, text: str) -> float | None:
        """P(a sentence ends with ``text``), 0..1; None when the model does not answer in time."""
        words = " ".join(text.split()[-LONGEST_WORDS:]).rstrip('.?!…,;:-–—"”’ ')
        if not words:
            return None
        try:
            async with asyncio.timeout(self._limit_s):
                return ending_share(await self._ask(EXAMPLE + words))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError, LookupError, TypeError) as error:
            log.info("completion_score_missing", error=type(error).__name__)
            return None

    async def warm_up(self) -> None:
        """Have the model read the example, so that the first score is as fast as the others."""
        async with asyncio.timeout(60):
            await self._ask(EXAMPLE)

    async def close(self) -> None:
        """Close the client. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _ask(self, prompt: str) -> dict[str, Any]:
        at = await self._source.endpoint()
        if self._session is None:
            # The server is on this machine, and closes a kept connection when it likes: each request has its own.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True), cookie_jar=aiohttp.DummyCookieJar()
            )
        body = {
            "prompt": prompt,
            "n_predict": 1,
            "n_probs": LIKELIEST,
            "temperature": 0,
            "cache_prompt": True,
            "id_slot": self._slot,
        }
        headers = {"Authorization": f"Bearer {at.api_key}"}
        url = at.base_url.removesuffix("/v1") + "/completion"
        async with self._session.post(url, json=body, headers=headers) as response:
            response.raise_for_status()
            answer: dict[str, Any] = await response.json()
            return answer


def ending_share(answer: dict[str, Any]) -> float:
    """Probability, 0..1, of the tokens that end a sentence in an answer of llama.cpp's ``/completion``.

    Raises:
        LookupError, TypeError: it has no probabilities.
    """
    tokens = answer["completion_probabilities"][0]["top_logprobs"]
    share = sum(math.exp(token["logprob"]) for token in tokens if token["token"].lstrip("\"'”’ ").startswith(ENDS))
    return min(1.0, share)
