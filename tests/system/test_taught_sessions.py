"""Knowledge bases and profiles as a school meets them: over the API, then in a session."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

KB = "/v1/knowledge/school"


async def call(caller: Any, method: str, path: str, body: bytes | dict[str, Any] | None = None) -> tuple[int, Any]:
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    headers = {} if "/documents/" in path or data is None else {"Content-Type": "application/json"}
    async with caller.http.request(method, caller.base + path, data=data, headers=headers) as reply:
        text = await reply.text()
        return reply.status, json.loads(text) if text else None


async def put(caller: Any, name: str, data: bytes, kb: str = KB) -> tuple[int, Any]:
    return await call(caller, "PUT", f"{kb}/documents/{name}", data)


@pytest_asyncio.fixture(loop_scope="session")
async def no_bases(caller: Any) -> AsyncIterator[None]:
    yield
    for base in (await call(caller, "GET", "/v1/knowledge"))[1]["knowledge"]:
        await call(caller, "DELETE", f"/v1/knowledge/{base['kb_id']}")


async def answer(caller: Any, session: dict[str, Any], question: str) -> dict[str, Any]:
    socket = await caller.connect(session)
    await socket.send(type="configure", stream=True, video="none")
    await socket.expect("ready")
    await socket.send(type="text", content=question)
    (text,) = [m for m in await socket.until("turn_done") if m["type"] == "text"]
    await socket.ws.close()
    found: dict[str, Any] = text
    return found


async def test_an_answer_names_its_sources_and_says_when_there_are_none(caller: Any) -> None:
    assert (await put(caller, "bees.md", b"# Bees\n\nBees dance to tell where the flowers are."))[0] == 200
    assert (await put(caller, "光.txt", "光合作用是植物利用阳光制造养分的过程。".encode()))[0] == 200
    session = await caller.create(kb_id="school")
    text = await answer(caller, session, "How do bees tell where flowers are?")
    assert text["sources"][0]["document"] == "bees.md" and 0 < text["sources"][0]["score"] <= 1
    assert "dance" in text["sources"][0]["passage"]
    text = await answer(caller, session, "And why is that?")
    assert text["sources"][0]["document"] == "bees.md", "looked up with the question it follows"
    text = await answer(caller, session, "光合作用是什么？")
    assert text["sources"][0]["document"] == "光.txt"
    text = await answer(caller, session, "Who won the world cup in 1998?")
    assert text["sources"] == []
    profile = (await call(caller, "GET", "/v1/tutors/1"))[1]
    assert text["content"].startswith(profile["nothing_found"])
    assert "sources" in await answer(caller, session, "Hello!")
    # A base that goes while a session lives costs no turn.
    assert (await call(caller, "DELETE", KB))[0] == 204
    assert (await answer(caller, session, "How do bees dance?"))["sources"] == []
    await caller.delete(session["session_id"])


@pytest.mark.parametrize("kb_id", ["nowhere", "../etc/passwd", "", "a\x00b", "学校"])
async def test_an_unknown_knowledge_base_is_refused(caller: Any, kb_id: str) -> None:
    body = {"tutor_id": 1, "student_id": 1, "kb_id": kb_id}
    status, said = await call(caller, "POST", "/v1/sessions", body)
    assert status == 422 and "kb_id" in said["error"]["message"]


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(200_000_000))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [
        ("empty.txt", b"", 415),
        ("empty.pdf", b"", 415),
        ("bomb.docx", bomb(), 415),
        (
            "pages.pdf",
            b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 9999999>>endobj",
            415,
        ),
        ("nothing", b"text", 415),
        ("a%2Fb.txt", b"text", 422),
        ("..%2F..%2Fx.txt", b"text", 422),
        ("%00.txt", b"text", 422),
        ("%E2%80%AEtxt.txt", b"text", 422),
        ("x" * 300 + ".txt", b"text", 422),
        ("%F0%9F%90%9D notes.txt", b"bees", 200),
        ("big.txt", b"word " * 2_000, 200),
    ],
    ids=lambda value: str(value)[:12],
)
async def test_odd_documents(caller: Any, no_bases: None, name: str, data: bytes, status: int) -> None:
    got, said = await put(caller, name, data)
    assert got == status, said
    if status != 200:
        assert said["error"]["message"] and "Traceback" not in str(said)


async def test_searching_goes_on_while_documents_come_and_go(caller: Any, no_bases: None) -> None:
    """All at once: replaced, removed, the whole base deleted, and asked for."""

    async def writer(number: int) -> None:
        for _ in range(4):
            status, said = await put(caller, f"{number}.txt", b"zebras have stripes")
            stopped = status == 409 and said["error"]["code"] == "adding_stopped"  # by another's deleting the base
            assert status in (200, 404) or stopped, said
            await call(caller, "DELETE", f"{KB}/documents/{number}.txt")
        await call(caller, "DELETE", KB)

    async def reader() -> None:
        for _ in range(15):
            status, said = await call(caller, "GET", f"{KB}/search?q=zebra+stripes")
            assert status in (200, 404), said
            status, said = await call(caller, "GET", "/v1/knowledge")
            assert status == 200, said

    await asyncio.gather(*(writer(number) for number in range(3)), reader(), reader())


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"voice": "piper:nobody"}', "voice"),
        (b'{"voices": {"zh": "espeak:nothing"}}', "voices.zh"),
        (b'{"avatar": "nobody"}', "avatar"),
        (b'{"knowledge": "nothing"}', "knowledge"),
        (b'{"persona": "\\ud800"}', "persona"),
        (b'{"llm_temperature": NaN}', "llm_temperature"),
    ],
)
async def test_a_profile_the_engine_can_not_serve_is_refused(caller: Any, body: bytes, named: str) -> None:
    status, said = await call(caller, "PUT", "/v1/tutors/77", body)
    assert status == 422 and named in said["error"]["message"], said
    assert (await call(caller, "GET", "/v1/tutors/77"))[0] == 404


async def test_a_live_session_keeps_its_profile(caller: Any) -> None:
    path = "/v1/tutors/78"
    assert (await call(caller, "PUT", path, {"name": "A", "greeting": "One."}))[1]["version"] == 1
    session = await caller.create(tutor_id=78)
    assert (await call(caller, "PUT", path, {"name": "B\x00\n\u202e", "greeting": "Two."}))[1]["version"] == 2
    assert (await answer(caller, session, "Hello!"))["content"]
    assert (await call(caller, "DELETE", path))[0] == 204
    assert (await answer(caller, session, "Hello again!"))["content"]
    await caller.delete(session["session_id"])
