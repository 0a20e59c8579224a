"""A base of an older engine is brought up to date when it is opened; one of a newer engine is refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from engine.items import FloatArray
from engine.knowledge import schema
from engine.knowledge.base import Base
from engine.knowledge.items import Piece
from engine.knowledge.schema import NewerBase

VECTOR: FloatArray = np.array([1.0, 0.0], np.float32)


def version(file: Path) -> int:
    connection = sqlite3.connect(file)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def write_version_1(file: Path) -> None:
    """A base as it was before versions were counted, with terms that no stemmer gives."""
    connection = sqlite3.connect(file)
    connection.executescript("""
        CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
        CREATE TABLE documents (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
            passages INTEGER NOT NULL, added_at TEXT NOT NULL
        );
        CREATE TABLE passages (
            id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
            text TEXT NOT NULL, heading TEXT NOT NULL, page INTEGER, vector BLOB NOT NULL
        );
        CREATE INDEX passages_of ON passages(document);
        CREATE VIRTUAL TABLE words USING fts5(terms, tokenize = 'unicode61');
        CREATE VIRTUAL TABLE words_terms USING fts5vocab(words, 'row');
        INSERT INTO facts VALUES ('model', 'm');
        INSERT INTO documents VALUES (1, 'old.txt', 10, 'abc', 1, '2025-01-01T00:00:00+00:00');
        INSERT INTO words(rowid, terms) VALUES (1, 'stale');
    """)
    connection.execute(
        "INSERT INTO passages VALUES (1, 1, ?, '', NULL, ?)",
        ("Las células vegetales hacen la fotosíntesis con la luz del sol.", VECTOR.astype("<f2").tobytes()),
    )
    connection.commit()
    connection.close()


def test_an_old_base_is_indexed_again_in_its_language(tmp_path: Path) -> None:
    file = tmp_path / "old.sqlite"
    write_version_1(file)
    with Base(file, "m", create=False) as base:
        found = base.search("¿Qué hace la célula vegetal?", VECTOR, 3)
        assert [passage.document for passage in found] == ["old.txt"]
    connection = sqlite3.connect(file)
    terms = connection.execute("SELECT terms FROM words").fetchone()[0].split()
    language = connection.execute("SELECT language FROM documents").fetchone()[0]
    connection.close()
    assert "stale" not in terms and {"celul", "vegetal", "fotosintesis"} <= set(terms) and language == "es"
    assert version(file) == schema.VERSION


def test_a_base_of_a_newer_engine_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite"
    with Base(file, "m") as base:
        base.put("a.txt", 3, "abc", [Piece("one two three")], VECTOR[None])
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    connection.close()
    with pytest.raises(NewerBase, match="update the engine"):
        Base(file, "m")
    assert version(file) == schema.VERSION + 1


def test_a_new_base_has_the_current_version(tmp_path: Path) -> None:
    Base(tmp_path / "kb.sqlite", "m").close()
    assert version(tmp_path / "kb.sqlite") == schema.VERSION


def test_a_migration_that_fails_leaves_the_base_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "old.sqlite"
    write_version_1(file)

    def fail(text: str) -> str:
        raise RuntimeError("stopped in the middle")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="stopped"):
        patched.setattr(schema, "index_language", fail)
        Base(file, "m")
    assert version(file) == 0
    with Base(file, "m") as base:
        assert base.search("células vegetales", VECTOR, 3)
