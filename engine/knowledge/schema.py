"""The tables of a knowledge base and their version, kept in ``PRAGMA user_version``.

An older base is brought to this version when it is opened, in one transaction. Documents need not be added
again for that: passages and vectors stay, and the word index is made from the passages.
"""

from __future__ import annotations

import sqlite3

from engine.errors import EngineError
from engine.knowledge.terms import index_language, terms_of

VERSION = 2
"""1 (written as 0): English endings removed by hand. 2: Snowball stems in each document's language."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE documents (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
        passages INTEGER NOT NULL, added_at TEXT NOT NULL, language TEXT NOT NULL DEFAULT 'en'
    )""",
    """CREATE TABLE passages (
        id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
        text TEXT NOT NULL, heading TEXT NOT NULL, page INTEGER, vector BLOB NOT NULL
    )""",
    "CREATE INDEX passages_of ON passages(document)",
    "CREATE VIRTUAL TABLE words USING fts5(terms, tokenize = 'unicode61')",
    "CREATE VIRTUAL TABLE words_terms USING fts5vocab(words, 'row')",
)


class NewerBase(EngineError):
    """The base was written by a newer engine; this one does not know its tables."""

    code, status = "knowledge_too_new", 503


def prepare(connection: sqlite3.Connection, name: str) -> None:
    """Make the tables of a new base, or bring an older base to this version.

    Args:
        connection: in autocommit mode.
        name: the base's id, for the error.

    Raises:
        NewerBase: the base has a later version; it is left as it is.
        sqlite3.DatabaseError: the file is damaged or locked for too long.
    """
    if _version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have been quicker
        if version > VERSION:
            raise NewerBase(
                f"the knowledge base {name} has version {version}, and this engine knows versions up to {VERSION}: "
                "update the engine, or delete the base and add its documents again"
            )
        if version < VERSION:
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'documents'").fetchone()
            if known is None:
                for statement in _TABLES:
                    connection.execute(statement)
            else:
                _index_anew(connection)
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _index_anew(connection: sqlite3.Connection) -> None:
    """From version 1: note each document's language and make its word index again."""
    connection.execute("ALTER TABLE documents ADD COLUMN language TEXT NOT NULL DEFAULT 'en'")
    connection.execute("DELETE FROM words")
    for (document,) in connection.execute("SELECT id FROM documents").fetchall():
        passages = connection.execute(
            "SELECT id, heading, text FROM passages WHERE document = ?", (document,)
        ).fetchall()
        language = index_language(max((text for _, _, text in passages), key=len, default=""))
        connection.execute("UPDATE documents SET language = ? WHERE id = ?", (language, document))
        connection.executemany(
            "INSERT INTO words(rowid, terms) VALUES (?, ?)",
            ((row, " ".join(terms_of(f"{heading} {text}", language))) for row, heading, text in passages),
        )
