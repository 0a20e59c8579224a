"""A school moves to an empty machine: everything an engine and its web tier keep on disk, by backup and restore."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from engine.api_keys import KeyRing, new_key, write_keys
from engine.cli.backup import main
from engine.protocol.lessons import LessonUsage
from engine.protocol.usage import SessionUsage
from engine.settings import UsageSettings
from engine.telemetry import Metrics
from engine.tutors.store import TutorStore
from engine.usage import UsageLedger
from tests.knowledge.test_knowledge_store import make as knowledge_store


class Machine:
    """One machine's folders, with the settings that name them."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.avatars, self.tutors, self.knowledge = root / "avatars", root / "tutors", root / "knowledge"
        self.usage, self.keys, self.school = root / "usage", root / "keys.toml", root / "web" / "school.db"
        self._monkeypatch = monkeypatch

    def run(self, *arguments: str) -> int:
        """``talking-tutor backup`` or ``restore`` with this machine's settings."""
        named = {
            "ENGINE_AVATARS_DIR": self.avatars, "ENGINE_TUTORS_DIR": self.tutors,
            "ENGINE_KNOWLEDGE_DIR": self.knowledge, "ENGINE_USAGE_DIR": self.usage,
            "ENGINE_API_KEYS_FILE": self.keys,
        }  # fmt: skip
        for name, path in named.items():
            self._monkeypatch.setenv(name, str(path))
        return main([*arguments, "--also", f"web={self.school}"])


@pytest.fixture
def school(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine in use: an open knowledge base, a web tier with an open transaction log."""
    machine = Machine(tmp_path / "old", monkeypatch)
    (machine.avatars / "ada").mkdir(parents=True)
    (machine.avatars / "ada" / "avatar.json").write_text('{"name": "Ada"}')
    machine.tutors.mkdir()
    TutorStore(machine.tutors).put("21", {"name": "Ada", "persona": "You teach maths."})
    machine.school.parent.mkdir()
    return machine


def used() -> SessionUsage:
    now = datetime(2026, 3, 5, tzinfo=UTC)
    figures = LessonUsage(
        listened_s=1, spoken_s=2, replies=3, interruptions=0, pictures=5, prompt_tokens=6, completion_tokens=7
    )
    return SessionUsage(
        session_id=uuid4(), key="web-tier", tutor_id=21, student_id=2, started_at=now, ended_at=now, duration_s=60,
        usage=figures,
    )  # fmt: skip


def fill(machine: Machine) -> str:
    """Usage, and a key, which is given."""

    async def use() -> None:
        async with UsageLedger(UsageSettings(dir=machine.usage, keep_days=0), Metrics()).running() as ledger:
            ledger.ended(used())

    asyncio.run(use())
    key, text = new_key("web-tier")
    write_keys(machine.keys, [key])
    return text


def test_a_school_is_restored_on_an_empty_machine(
    school: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = fill(school)
    archive = str(tmp_path / "backup.tar.gz")
    with knowledge_store(school.knowledge) as store, closing(sqlite3.connect(school.school)) as database:
        store.put("rocks", "granite.txt", b"Granite is hard.")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE lessons (id TEXT)")
        database.execute("INSERT INTO lessons VALUES ('first')")
        database.commit()  # lies in the log beside the file, while the web tier runs
        assert school.run("backup", archive) == 0
    shutil.rmtree(school.root)

    new = Machine(tmp_path / "new", monkeypatch)
    assert new.run("restore", archive) == 0
    assert TutorStore(new.tutors).get("21").name == "Ada"
    assert (new.avatars / "ada" / "avatar.json").read_text() == '{"name": "Ada"}'
    with knowledge_store(new.knowledge) as store:
        assert [passage.text for passage in store.search("rocks", "granite hard")] == ["Granite is hard."]
    report = asyncio.run(UsageLedger(UsageSettings(dir=new.usage), Metrics()).report([]))
    assert (report.keys[0].key, report.keys[0].usage.pictures) == ("web-tier", 5)
    assert KeyRing(None, new.keys).find(key) is not None
    with closing(sqlite3.connect(new.school)) as database:
        assert database.execute("SELECT id FROM lessons").fetchall() == [("first",)]
    assert not list(tmp_path.rglob("*-wal")) and not list(tmp_path.rglob("*.tmp"))


def test_what_is_there_is_not_overwritten_but_moved_aside(school: Machine, tmp_path: Path) -> None:
    fill(school)
    archive = str(tmp_path / "backup.tar.gz")
    assert school.run("backup", archive) == 0
    (school.tutors / "21.toml").write_text("# changed since")
    assert school.run("restore", archive) == 1
    assert (school.tutors / "21.toml").read_text() == "# changed since"
    assert school.run("restore", archive, "--replace") == 0
    assert TutorStore(school.tutors).get("21").name == "Ada"
    assert (school.root / "tutors.before-restore" / "21.toml").read_text() == "# changed since"


def test_nothing_is_put_in_place_of_an_archive_that_is_not_whole(
    school: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, bad = tmp_path / "backup.tar.gz", tmp_path / "bad.tar.gz"
    assert school.run("backup", str(archive)) == 0
    new = Machine(tmp_path / "new", monkeypatch)
    for content in (b"", archive.read_bytes()[:-400], b"no archive at all"):
        bad.write_bytes(content)
        assert new.run("restore", str(bad)) == 1
    with tarfile.open(bad, "w:gz") as tar:
        tar.add(school.tutors, "tutors")
    assert new.run("restore", str(bad)) == 1
    assert not new.root.exists()


def test_a_failed_backup_leaves_the_one_before(school: Machine, tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar.gz"
    archive.write_bytes(b"the one before")
    school.school.write_bytes(b"SQLite format 3\x00" + b"damaged" * 1000)
    assert school.run("backup", str(archive)) == 1
    assert archive.read_bytes() == b"the one before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["backup.tar.gz"]
