"""API keys: only hashes at rest, rotation without a restart, scopes and limits."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from pydantic import SecretStr

from engine import api_keys
from engine.api_keys import KeyRing, Scope, new_key, read_keys, write_keys
from engine.cli.keys import main as keys_command
from engine.errors import InvalidField, SettingsError
from engine.settings import Settings
from engine.transport.api.authentication import CALLER, scopes_for
from engine.transport.api.middleware import api_key, errors_as_json, management
from tests.serving import serving


@pytest.fixture(autouse=True)
def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "LOOK_EVERY_S", 0.0)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


def add(file: Path, name: str, *scopes: Scope, **limits: object) -> str:
    key, text = new_key(name, scopes or api_keys.SCOPES, **limits)  # type: ignore[arg-type]
    write_keys(file, [*(read_keys(file) if file.exists() else []), key])
    return text


def test_the_file_has_no_key_only_its_hash(file: Path) -> None:
    text = add(file, "web-tier", "sessions")
    assert text not in file.read_text() and text.split("_", 2)[2] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = KeyRing(None, file).find(text)
    assert found is not None and (found.name, found.scopes) == ("web-tier", ("sessions",))


def test_keys_are_added_and_revoked_while_the_engine_runs(file: Path) -> None:
    old = add(file, "web-tier")
    ring = KeyRing(None, file)
    new = add(file, "web-tier")
    assert ring.find(old) is not None and ring.find(new) is not None, "both are valid while the new one takes over"
    write_keys(file, [key for key in read_keys(file) if key.id == new.split("_")[1]])
    assert ring.find(old) is None and ring.find(new) is not None


def test_a_damaged_file_keeps_the_keys_and_a_missing_one_none(file: Path) -> None:
    text = add(file, "web-tier")
    ring = KeyRing(None, file)
    file.write_text("[[keys]")
    assert ring.find(text) is not None
    file.unlink()
    assert ring.find(text) is None


@pytest.mark.parametrize("content", [None, "[[keys]", 'keys = "none"', '[[keys]]\nname = "x"'])
def test_an_engine_does_not_start_with_a_file_it_cannot_read(file: Path, content: str | None) -> None:
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError):
        KeyRing(None, file)


def test_expired_altered_and_foreign_keys_are_refused(file: Path) -> None:
    good = add(file, "web-tier")
    late = add(file, "late", expires=datetime.now(UTC) - timedelta(seconds=1))
    ring = KeyRing("the setting", file)
    assert ring.find(good) is not None and ring.find("the setting") is api_keys.THE_SETTING
    altered = good[:-1] + ("A" if good[-1] != "A" else "B")
    for text in ("", late, altered, good + "A", "tutor_", "tutor_00000000_" + "A" * 43, "\udcff", good.upper()):
        assert ring.find(text) is None, text


def test_without_any_key_everybody_may_do_everything() -> None:
    assert KeyRing(None, None).find("") is api_keys.THE_SETTING


@pytest.mark.parametrize("name", ["", "with space", "é", "-x", "x" * 65])
def test_names_are_plain_words(name: str) -> None:
    with pytest.raises(InvalidField):
        new_key(name)


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("POST", "/v1/sessions", {"sessions"}),
        ("GET", "/v1/sessions/1/transcript", {"sessions", "read"}),
        ("DELETE", "/v1/sessions/1/transcript", {"sessions"}),
        ("PUT", "/v1/tutors/1", {"content"}),
        ("GET", "/v1/avatars/ada", {"content", "read"}),
        ("PUT", "/v1/knowledge/biology/documents/a", {"content"}),
        ("GET", "/metrics", {"metrics", "read"}),
        ("GET", "/v1/usage", {"metrics", "read"}),
        ("POST", "/v1/tutorsession", {"sessions"}),
    ],
)
def test_each_call_needs_the_scope_of_its_area(method: str, path: str, scopes: set[str]) -> None:
    assert scopes_for(method, path) == scopes


@management
async def managed(request: web.Request) -> web.Response:
    return web.Response(text=request[CALLER].name)


async def statuses(settings: Settings, *calls: tuple[str, str, str]) -> list[int]:
    """Of calls: method, path, key."""
    app = web.Application(middlewares=[errors_as_json, api_key(settings)])
    app.add_routes([web.route("*", "/{path:.*}", managed)])
    found = []
    async with serving(app) as url, ClientSession() as session:
        for method, path, key in calls:
            async with session.request(method, url + path, headers={"Authorization": f"Bearer {key}"}) as answer:
                found.append(answer.status)
    return found


async def test_a_key_may_do_what_its_scopes_say(file: Path) -> None:
    reader, tier = add(file, "reader", "read"), add(file, "web-tier", "sessions")
    settings = Settings(api_keys_file=file, api_key=SecretStr("single"))
    assert await statuses(
        settings,
        ("GET", "/v1/tutors", reader),
        ("PUT", "/v1/tutors/1", reader),
        ("POST", "/v1/sessions", tier),
        ("PUT", "/v1/tutors/1", tier),
        ("PUT", "/v1/tutors/1", "single"),
        ("PUT", "/v1/tutors/1", "other"),
    ) == [200, 403, 200, 403, 200, 401]


async def test_requests_beyond_a_keys_limit_are_refused_whichever_key_of_the_name_makes_them(file: Path) -> None:
    first = add(file, "web-tier", requests_per_minute=3)
    second = add(file, "web-tier", requests_per_minute=3)
    other = add(file, "other")
    calls = [("GET", "/v1/sessions", key) for key in (first, second, first, second, other)]
    assert await statuses(Settings(api_keys_file=file), *calls) == [200, 200, 200, 429, 200]


def test_the_command_makes_lists_and_revokes_keys(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["--file", str(file)]
    assert keys_command([*chosen, "create", "web-tier", "--scopes", "sessions,read", "--days", "30"]) == 0
    text = capsys.readouterr().out.strip()
    assert KeyRing(None, file).find(text) is not None
    assert keys_command([*chosen, "list"]) == 0
    shown = capsys.readouterr().out
    assert "web-tier" in shown and "sessions,read" in shown and text not in shown
    assert keys_command([*chosen, "revoke", "nobody"]) == 1
    assert keys_command([*chosen, "revoke", "web-tier"]) == 0
    assert read_keys(file) == []
    assert keys_command([*chosen, "create", "not a name"]) == 2
