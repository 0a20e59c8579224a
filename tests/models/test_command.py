"""``python -m engine models`` and fetching, against a small hub that speaks real HTTP."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from engine.cli import models as command
from engine.errors import ModelMissing
from engine.models.catalog import ModelStore
from engine.models.hashes import no_progress
from engine.models.pull import hub_parts, pull
from tests.models.small_models import know, sha256, ship

COMMIT = "c0ffee" * 6 + "beef"
FILES = {"config.json": b'{"a": 1}', "model.bin": b"weights of a small model"}


class Hub(ThreadingHTTPServer):
    """What a model hub answers for one repository, ``owner/model``."""

    stated_sha256 = sha256(FILES["model.bin"])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        path, _, _ = self.path.partition("?")
        name = path.rpartition("/")[2]
        if path == "/api/models/owner/model" or path.startswith("/api/models/owner/model/revision/"):
            if name == "nosuch":
                return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, body)
            siblings = [
                {"rfilename": "config.json", "size": 8, "blobId": "0" * 40},
                {
                    "rfilename": "model.bin",
                    "size": 24,
                    "blobId": "1" * 40,
                    "lfs": {"sha256": self.server.stated_sha256, "size": 24, "pointerSize": 130},
                },
            ]
            content = json.dumps(
                {"id": "owner/model", "sha": COMMIT, "siblings": siblings, "cardData": {"license": "apache-2.0"}}
            ).encode()
            return self._send(200, content, {"Content-Type": "application/json"}, body)
        if path.startswith(f"/owner/model/resolve/{COMMIT}/") and name in FILES:
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{sha256(FILES[name])}"'}
            return self._send(200, FILES[name], headers, body)
        return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"}, body)

    def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the test's output quiet."""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    server = Hub(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, name="hub")
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(None, tmp_path / "cache")


@pytest.fixture(autouse=True)
def no_lingering_connection() -> Iterator[None]:
    """The hub library keeps one client for the process; end it so that no socket stays open."""
    from huggingface_hub import close_session

    yield
    close_session()


def test_a_fetched_model_is_complete_pinned_and_found_again(
    hub: Hub, store: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pull("owner/model", store, no_progress, endpoint=hub.url)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name in FILES} == FILES
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["sources"] == [{"repo": "owner/model", "revision": COMMIT, "licence": "apache-2.0"}]
    assert store.locate("owner/model") == folder
    command.main(["--cache-dir", str(store.cache_dir), "list"])
    assert any(
        line.split()[:1] == ["owner/model"] and "apache-2.0" in line and "ready" in line
        for line in capsys.readouterr().out.splitlines()
    )
    assert not list(folder.parent.glob(".*.partial"))
    (folder / "model.bin").write_bytes(b"rot")
    with pytest.raises(ModelMissing, match=r"damaged.*pull owner/model"):
        store.locate("owner/model")


def test_one_file_of_a_repository(hub: Hub, store: ModelStore) -> None:
    folder = pull("owner/model:model.bin", store, no_progress, endpoint=hub.url)
    assert not (folder / "config.json").exists()
    assert (folder / "model.bin").read_bytes() == FILES["model.bin"]
    with pytest.raises(ModelMissing, match=r"has no file absent\.bin"):
        pull("owner/model:absent.bin", store, no_progress, endpoint=hub.url)


def test_what_arrives_damaged_is_not_kept(hub: Hub, store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "stated_sha256", "0" * 64)
    with pytest.raises(ModelMissing, match="arrived damaged"):
        pull("owner/model", store, no_progress, endpoint=hub.url)
    assert not store.pulled_folder("owner/model").exists()
    monkeypatch.undo()
    assert pull("owner/model", store, no_progress, endpoint=hub.url).is_dir()


@pytest.mark.parametrize(
    ("name", "revision", "words"),
    [
        ("owner/other", None, "cannot fetch owner/other from owner/other"),
        ("owner/model", "nosuch", "no revision 'nosuch'"),
    ],
)
def test_what_the_hub_refuses_is_said(hub: Hub, store: ModelStore, name: str, revision: str | None, words: str) -> None:
    with pytest.raises(ModelMissing, match=words):
        pull(name, store, no_progress, revision=revision, endpoint=hub.url)


def test_no_hub_is_a_clear_error(store: ModelStore) -> None:
    with pytest.raises(ModelMissing, match=r"cannot fetch owner/model .*put the files into <ENGINE_MODELS_DIR>"):
        pull("owner/model", store, no_progress, endpoint="http://127.0.0.1:9")


def test_short_names_mean_repositories() -> None:
    assert hub_parts("whisper-small")[0].repo == "Systran/faster-whisper-small"
    voice = hub_parts("piper-zh_CN-huayan-medium")[0]
    assert voice.files[0] == "zh/zh_CN/huayan/medium/zh_CN-huayan-medium.onnx"
    assert {part.into for part in hub_parts("musetalk")} == {"musetalkV15", "sd-vae", "whisper"}
    for wrong in ("foo", "../etc/passwd", "owner/model:../../x", "/etc/passwd"):
        with pytest.raises(ModelMissing, match="no model is called"):
            hub_parts(wrong)


def test_list_shows_state_and_fails_when_a_model_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ship(tmp_path / "site")
    know(monkeypatch, tmp_path / "site")
    options = ["--cache-dir", str(tmp_path / "cache")]
    assert command.main([*options, "list"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "to prepare" in rows["tiny-joined"]
    assert "ready" in rows["tiny-plain"]
    assert "Apache-2.0" in rows["smollm2-135m"]
    assert "98.4 MB" in rows["smollm2-135m"]
    assert command.main([*options, "prepare", "tiny-joined"]) == 0
    assert "✓ tiny-joined" in capsys.readouterr().out
    (tmp_path / "site/toy_plain/data/net.onnx").unlink()
    assert command.main([*options, "list"]) == 1
    assert "missing" in next(line for line in capsys.readouterr().out.splitlines() if line.startswith("tiny-plain"))


def test_verify_reads_again_and_names_the_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ship(tmp_path / "site")
    know(monkeypatch, tmp_path / "site")
    options = ["--cache-dir", str(tmp_path / "cache")]
    names = ["tiny-joined", "tiny-plain"]
    assert command.main([*options, "verify", *names]) == 0
    path = tmp_path / "site/toy_plain/data/net.onnx"
    state = path.stat()
    path.write_bytes(b"weigh7s")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))  # only the bytes tell
    assert command.main([*options, "verify", *names]) == 1
    out = capsys.readouterr()
    assert "✗ tiny-plain" in out.err
    assert "✓ tiny-joined" in out.out


def test_a_wrong_setting_ends_with_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ENGINE_PORT", "banana")
    assert command.main(["list"]) == 2
    assert "port" in capsys.readouterr().err
