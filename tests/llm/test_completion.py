"""The completion score: does a sentence end with these words?"""

from __future__ import annotations

import math

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from engine.llm.completion import EXAMPLE, EmbeddedCompletion, ending_share
from engine.llm.embedded import EmbeddedModel, EmbeddedServer
from engine.llm.endpoint import Endpoint, FixedEndpoint
from engine.models.catalog import locate
from engine.models.gguf import faster_prompts
from engine.settings import Settings


def answer(**tokens: float) -> dict[str, object]:
    likeliest = [{"token": token, "logprob": math.log(share)} for token, share in tokens.items()]
    return {"completion_probabilities": [{"top_logprobs": likeliest}]}


def test_what_ends_a_sentence_is_added_up() -> None:
    tokens = {".": 0.3, "?": 0.1, '."': 0.05, "<|im_end|>": 0.05, " and": 0.4}
    assert ending_share(answer(**tokens)) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "reply", [web.json_response({"error": "busy"}, status=503), web.json_response({}), web.Response(text="{")]
)
async def test_a_server_that_cannot_tell_gives_no_score(reply: web.Response) -> None:
    asked = []

    async def completion(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.Response(body=reply.body, status=reply.status, content_type=reply.content_type)

    application = web.Application()
    application.router.add_post("/completion", completion)
    async with TestServer(application) as server:
        scorer = EmbeddedCompletion(FixedEndpoint(Endpoint(str(server.make_url("/v1")), "k")), slot=3)
        assert await scorer.score("I think the answer is.") is None
        assert await scorer.score(" ...") is None
        await scorer.close()
    (body,) = asked
    assert body["prompt"] == EXAMPLE + "I think the answer is"
    assert (body["id_slot"], body["n_predict"]) == (3, 1)


async def test_a_server_that_is_gone_gives_no_score() -> None:
    scorer = EmbeddedCompletion(FixedEndpoint(Endpoint("http://127.0.0.1:9/v1", "k")), slot=0)
    assert await scorer.score("I think the answer is") is None
    await scorer.close()


async def test_whole_sentences_score_higher_than_their_beginnings() -> None:
    path = faster_prompts(locate("smollm2-135m"), Settings().cache_dir)
    async with EmbeddedServer(EmbeddedModel(path, threads=1, slots=0, scoring_slots=1, context=512)) as server:
        scorer = EmbeddedCompletion(server, 0, limit_s=60)
        try:
            await scorer.warm_up()
            for begun, whole in (
                ("I think the answer is", "I think the answer is twelve"),
                ("My sister says that", "My sister says that you can see it from space"),
                ("Could you repeat the", "Could you repeat the last step"),
            ):
                one, other = await scorer.score(begun), await scorer.score(whole)
                assert one is not None and other is not None
                assert one < 0.1 < other
        finally:
            await scorer.close()
