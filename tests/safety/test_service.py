"""Around the guard: the tutor's words, the webhook, the moderation endpoint, and the settings."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from engine.safety.moderation import flagged
from engine.safety.service import Incident, Safety
from engine.safety.texts import TEXTS, reply_language
from engine.settings import SafetySettings
from engine.telemetry import Metrics
from engine.tutors.profile import TutorProfile
from tests.serving import serving

SECRET = "s" * 32
INCIDENT = Incident("abuse", "question", "s1", 3, "default", "my dad hits me")


class Receiver:
    """A web tier that fails ``failures`` times, then takes what it gets. Also a moderation endpoint."""

    def __init__(self, failures: int = 0, answer: Any = None) -> None:
        self.failures, self.answer = failures, answer
        self.tries = 0
        self.got: list[tuple[str, bytes]] = []
        self.came = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.tries += 1
        body = await request.read()
        if self.tries <= self.failures:
            return web.Response(status=500)
        self.got.append((request.headers.get("X-Tutor-Signature", ""), body))
        self.came.set()
        return web.json_response(self.answer)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/{tail:.*}", self.take)
        async with serving(app) as base:
            yield base


@pytest.mark.parametrize("words", [False, True])
async def test_the_webhook_is_signed_and_has_the_words_only_if_asked_to(words: bool) -> None:
    receiver = Receiver()
    async with receiver.running() as url:
        settings = SafetySettings(webhook_url=url, webhook_secret=SECRET, webhook_words=words)
        safety = Safety(settings, Metrics())
        async with safety.running():
            safety.report(INCIDENT)
            await asyncio.wait_for(receiver.came.wait(), 60)
    ((signed, body),) = receiver.got
    at, digest = (part.split("=")[1] for part in signed.split(","))
    assert hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest() == digest
    told = json.loads(body)
    assert len(told["id"]) == 36
    assert (told["category"], told["stage"], told["session"], told["reply"]) == ("abuse", "question", "s1", 3)
    but_the_id = body.decode().replace(told["id"], "")  # whose hexadecimal digits may be "dad", too
    assert (told.get("words") == "my dad hits me") is words and ("dad" in but_the_id) is words


def verdict(*names: str) -> dict[str, Any]:
    return {"results": [{"flagged": bool(names), "categories": dict.fromkeys(names, True)}]}


def test_the_endpoints_categories_become_ours() -> None:
    assert flagged(verdict("self-harm/intent", "violence")) == "self_harm"
    assert flagged(verdict("illicit/violent")) == "weapons_drugs" and flagged(verdict()) is None
    with pytest.raises(ValueError):
        flagged({"results": []})


@pytest.mark.parametrize("answer, found", [(verdict("sexual/minors"), "sexual"), (verdict(), None), ("?", None)])
async def test_an_endpoint_judges_what_the_guard_lets_pass(answer: Any, found: str | None) -> None:
    receiver = Receiver(answer=answer)
    async with receiver.running() as url:
        safety = Safety(SafetySettings(moderation_url=f"{url}/v1/"), Metrics())
        async with safety.running():
            assert await safety.question("What is a leaf made of?", "teen") == found
            assert await safety.question("I want to kill myself", "teen") == "self_harm"
    assert receiver.tries == 1, "what the guard holds back goes nowhere else"


async def test_an_endpoint_that_is_gone_lets_the_guard_decide() -> None:
    safety = Safety(SafetySettings(moderation_url="http://127.0.0.1:1/v1"), Metrics())
    async with safety.running():
        assert await safety.question("What is a leaf made of?", "teen") is None


def test_help_lines_follow_the_country() -> None:
    def said(text: str, **settings: Any) -> str:
        return Safety(SafetySettings(**settings), Metrics()).text("self_harm", "question", text, TutorProfile())

    assert "988 in the United States or Childline 0800 1111" in said("I want to die")
    assert "Childline 0800 1111, at any time" in said("I want to die", country="GB")
    assert "12356" in said("我不想活了") and "988" not in said("我不想活了")
    assert "call" not in said("I want to die", country="FR")
    assert "116 111" in said("I want to die", country="FR", help_lines="FR=116 111")


def test_the_language_is_the_students_or_the_profiles_or_english() -> None:
    assert reply_language("我想死", "en", ()) == "zh" and reply_language("I want to die", "zh", ("en",)) == "en"
    assert reply_language("Ich möchte nicht mehr leben, es ist alles zu viel", "de", ()) == "en"


def test_every_text_is_short() -> None:
    assert TEXTS["en"].keys() == TEXTS["zh"].keys()
    for language in TEXTS.values():
        assert all(len(text) < 260 for text in language.values())


@pytest.mark.parametrize(
    "wrong",
    [{"webhook_url": "http://x/"}, {"webhook_url": "ftp://x", "webhook_secret": SECRET}, {"country": "gb"},
     {"help_lines": "988"}, {"moderation_timeout_s": 0}],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SafetySettings(**wrong)
