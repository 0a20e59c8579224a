"""What an operator uploads: documents, tutor profiles and portraits, spoilt, and what is asked of them afterwards."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from yarl import URL

from tests.fuzz.chance import TEXTS, Chance
from tests.fuzz.entries.http_requests import _quoted
from tests.fuzz.samples import documents, portraits
from tests.fuzz.stage import Fault, Stage

DOCUMENTED = {501, 503}
"""Failures these addresses may answer with: face models that are not installed, too much at once."""

PROFILE: dict[str, Any] = {
    "name": "N", "persona": "P", "language": "en", "languages": ["en"], "voice": "espeak:en-us",
    "voices": {"zh": "espeak:cmn"}, "avatar": "avatar_tutor_1", "greeting": "g", "apology": "a", "knowledge": "fuzz",
    "openings": ["Well then"], "nothing_found": "n", "llm_temperature": 0.1, "llm_max_tokens": 20,
    "examples": [{"question": "q", "answer": "a"}], "patience": "eager",
}  # fmt: skip

FACE = Path(__file__).parents[2] / "avatars" / "astronaut.jpg"

MAKING_S = 60.0


class Management:
    """Each case is an upload and what follows from it."""

    name = "management"
    side_by_side = 1

    async def case(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        kind = chance.random()
        if kind < 0.35:
            await self._document(stage, chance, sent)
        elif kind < 0.75:
            await self._tutor(stage, chance, sent)
        elif kind < 0.85:
            await self._portrait(stage, chance, sent)
        else:
            await self._look(stage, chance, sent)

    async def close(self, stage: Stage) -> None:
        """Leave nothing: bases and tutors of all names that were taken."""
        sent: list[str] = []
        _, bases = await self._ask(stage, sent, "GET", "/v1/knowledge")
        for base in json.loads(bases)["knowledge"]:
            await self._ask(stage, sent, "DELETE", f"/v1/knowledge/{base['kb_id']}")

    async def _document(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        name, good = chance.choice(documents())
        data = chance.damaged(good) if chance.happens(0.85) else good
        base = chance.one("fuzz", "fuzz", chance.text("fuzz"), chance.choice(TEXTS)[:100])
        document = chance.one(name, name, chance.text(name), chance.choice(TEXTS)[:100] + name)
        path = f"/v1/knowledge/{_quoted(base)}/documents/{_quoted(document)}"
        status, _ = await self._ask(stage, sent, "PUT", path, data)
        if status == 200:
            query = _quoted(chance.one("leaves", chance.choice(TEXTS)[:300]))
            await self._ask(stage, sent, "GET", f"/v1/knowledge/{_quoted(base)}/search?q={query}")
            await self._ask(stage, sent, chance.one("GET", "DELETE"), path)

    async def _tutor(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        tutor = chance.one("77", "maya", chance.text("77"), chance.choice(TEXTS)[:100])
        data = chance.written(chance.spoilt(PROFILE)).encode("utf-8", "surrogatepass")
        headers = {"If-Match": chance.one('"1"', "*", "-1", "9" * 30, '""')} if chance.happens(0.2) else {}
        path = f"/v1/tutors/{_quoted(tutor)}"
        status, _ = await self._ask(stage, sent, "PUT", path, data, {"Content-Type": "application/json", **headers})
        if status == 200:
            await self._ask(stage, sent, "GET", "/v1/tutors")
            await self._ask(stage, sent, "DELETE", path)

    async def _portrait(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        """Mostly small pictures, which fail soon; making one of a face takes seconds."""
        good = await asyncio.to_thread(FACE.read_bytes) if chance.happens(0.15) else chance.choice(portraits())
        data = chance.one(chance.damaged(good), good, chance.randbytes(300), b"")
        name = _quoted(chance.one("Ada", chance.choice(TEXTS)[:90]))
        identifier = chance.one("ada", "ada", "avatar_tutor_1", chance.choice(TEXTS)[:80])
        query = f"?id={_quoted(identifier)}&name={name}&replace={chance.one('0', '1', 'x')}"
        status, body = await self._ask(stage, sent, "POST", f"/v1/avatars{query}", data)
        if status != 202:
            return
        async with asyncio.timeout(MAKING_S):
            while (made := json.loads(body))["status"] in ("waiting", "making"):
                await asyncio.sleep(0.05)
                _, body = await self._ask(stage, sent, "GET", made["status_url"])
        if made.get("error", {}).get("code") == "internal" or "the engine failed" in str(made):
            raise Fault(f"an avatar failed: {made}")
        if made["status"] == "ready":
            await self._ask(stage, sent, "GET", f"/v1/avatars/{made['id']}/still.jpg")
            await self._ask(stage, sent, "DELETE", f"/v1/avatars/{made['id']}")

    async def _look(self, stage: Stage, chance: Chance, sent: list[str]) -> None:
        text = _quoted(chance.choice(TEXTS)[:200])
        path = chance.one(
            f"/v1/voices/{text}/sample.wav", "/v1/voices/espeak%3Aen-us/sample.wav", "/v1/voices",
            f"/v1/avatars/{text}/idle.mp4", f"/v1/avatars/{text}/still.jpg", f"/v1/tutors/{text}", f"/static/{text}",
            f"/v1/knowledge/{text}", f"/v1/knowledge/fuzz/search?q={text}", f"/v1/sessions/{text}",
        )  # fmt: skip
        await self._ask(stage, sent, chance.one("GET", "GET", "DELETE"), path)

    async def _ask(
        self,
        stage: Stage,
        sent: list[str],
        method: str,
        path: str,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes]:
        sent.append(f"{method} {path} {headers or ''} {data.hex() if data else ''}")
        url = URL(stage.base + path, encoded=True)
        async with stage.http.request(method, url, data=data, headers={**stage.headers, **(headers or {})}) as reply:
            body = await reply.read()
            if (reply.status >= 500 and reply.status not in DOCUMENTED) or b"the engine failed" in body:
                raise Fault(f"{method} {path}: {reply.status} {body[:500]!r}")
            return reply.status, body
