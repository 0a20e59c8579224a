"""One knowledge base: an SQLite file (WAL) with documents, passages, words and vectors.

Blocking, and each object belongs to one thread at a time. A document goes in or out in one
transaction, so a kill at any moment leaves the base as it was before or after it. Other
processes may write meanwhile: readers notice and reload their vectors.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from engine.errors import Conflict, EngineError
from engine.items import FloatArray
from engine.knowledge import search
from engine.knowledge.items import DocumentInfo, Passage, Piece
from engine.knowledge.terms import terms_of

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
    passages INTEGER NOT NULL, added_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS passages (
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    text TEXT NOT NULL, heading TEXT NOT NULL, page INTEGER, vector BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS passages_of ON passages(document);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(terms, tokenize = 'unicode61');
CREATE VIRTUAL TABLE IF NOT EXISTS words_terms USING fts5vocab(words, 'row');
"""


LOCKED_S = 10.0
"""How long another's lock is waited for."""


_changing_files = threading.Lock()
"""Files are opened and closed one at a time, and never while one is removed.

SQLite names its shared memory after the file. Were a file replaced while a second connection of this process
opens it, both would use one shared memory for two files: "database is locked", or the end of the process (SIGBUS).
The last connection to close removes log and shared memory by name: were the file replaced meanwhile, those of the
new one ("disk I/O error", and what its log held).
"""


class WrongModel(Conflict):
    """The base was made with another embedding model; its vectors can not be compared."""

    code = "wrong_embedding_model"


class DamagedBase(EngineError):
    """The file of a base is damaged, locked for too long, or gone."""

    code, status = "knowledge_damaged", 503


def remove(file: Path) -> None:
    """Remove a base's files. Connections that are open go on with what they have; see ``Base.same_file``."""
    with _changing_files:
        for ending in ("", "-wal", "-shm"):
            Path(f"{file}{ending}").unlink(missing_ok=True)


class Base:
    """An open knowledge base. Use as a context manager or ``close`` it.

    Args:
        file: the database.
        model: name of the embedding model, kept in the base.
        create: make it when it is not there.

    Raises:
        WrongModel: the base was made with another model.
        DamagedBase: the file is no database, or not there.
    """

    def __init__(self, file: Path, model: str, *, create: bool = True) -> None:
        with _changing_files:
            self._open(file, model, "rwc" if create else "rw")
        self._ids: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._vectors: FloatArray = np.zeros((0, 0), np.float32)
        self._version: tuple[int, int] | None = None
        self._changes = 0

    def _open(self, file: Path, model: str, mode: str) -> None:
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(str(file.absolute()))}?mode={mode}",
                timeout=LOCKED_S,
                isolation_level=None,
                check_same_thread=False,
                uri=True,
            )
        except sqlite3.OperationalError as error:
            raise DamagedBase(f"the knowledge base {file.stem} can not be opened ({error})") from None
        try:
            self._prepare(model)
            known = self._connection.execute("SELECT value FROM facts WHERE name = 'model'").fetchone()[0]
            if known != model:
                raise WrongModel(f"{file.stem} was made with the embedding model {known}, not {model}")
            self._inode = file.stat().st_ino
        except (sqlite3.DatabaseError, OSError) as error:
            self._connection.close()
            raise DamagedBase(f"the knowledge base {file.stem} can not be read ({error})") from None
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, model: str) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "mmap_size = 268435456"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.executescript(SCHEMA)
        self._connection.execute("INSERT OR IGNORE INTO facts VALUES ('model', ?)", (model,))

    def __enter__(self) -> Base:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with _changing_files:
            self._connection.close()

    def same_file(self, file: Path) -> bool:
        """Whether ``file`` is still the one that is open, not one made anew in its place."""
        try:
            return file.stat().st_ino == self._inode
        except OSError:
            return False

    def documents(self) -> list[DocumentInfo]:
        """What is in it, by name."""
        rows = self._connection.execute(
            "SELECT name, bytes, passages, sha256, added_at FROM documents ORDER BY name"
        ).fetchall()
        return [DocumentInfo(*row) for row in rows]

    def document(self, name: str) -> DocumentInfo | None:
        """One of them."""
        return next((each for each in self.documents() if each.name == name), None)

    def counts(self) -> tuple[int, int]:
        """(documents, passages)."""
        row = self._connection.execute("SELECT count(*), coalesce(sum(passages), 0) FROM documents").fetchone()
        return row[0], row[1]

    def put(self, name: str, size: int, sha256: str, pieces: Sequence[Piece], vectors: FloatArray) -> DocumentInfo:
        """Add a document, or replace the one of that name, at once and as a whole."""
        added_at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction():
            self._delete(name)
            document = self._connection.execute(
                "INSERT INTO documents(name, bytes, sha256, passages, added_at) VALUES (?, ?, ?, ?, ?)",
                (name, size, sha256, len(pieces), added_at),
            ).lastrowid
            for piece, vector in zip(pieces, vectors, strict=True):
                row = self._connection.execute(
                    "INSERT INTO passages(document, text, heading, page, vector) VALUES (?, ?, ?, ?, ?)",
                    (document, piece.text, piece.heading, piece.page, vector.astype("<f2").tobytes()),
                ).lastrowid
                self._connection.execute(
                    "INSERT INTO words(rowid, terms) VALUES (?, ?)",
                    (row, " ".join(terms_of(f"{piece.heading} {piece.text}"))),
                )
        return DocumentInfo(name, size, len(pieces), sha256, added_at)

    def delete(self, name: str) -> bool:
        """Remove a document; False when there was none."""
        with self._transaction():
            return self._delete(name)

    def search(self, question: str, vector: FloatArray, count: int, *, multilingual: bool = False) -> list[Passage]:
        """The passages that answer ``question`` best; none when none is about it.

        Args:
            question: as the student asked it.
            vector: (dimension,) float32, the question's embedding.
            count: most passages given.
            multilingual: the embedding model knows the question's language whatever it is.
        """
        with self._snapshot():
            return self._search(question, vector, count, multilingual)

    def _search(self, question: str, vector: FloatArray, count: int, multilingual: bool) -> list[Passage]:
        self._refresh()
        if not len(self._ids):
            return []
        trust = multilingual or not search.mostly_unspaced(question)
        by_words, weights = search.match_words(self._connection, question, len(self._ids))
        rows, likeness = search.nearest(self._vectors, vector, search.CANDIDATES)
        fused = search.fuse([(1.0, by_words), (1.0 if trust else 0.2, self._ids[rows].tolist())])
        best = sorted(fused, key=lambda passage: (-fused[passage], passage))[: 2 * count]
        # The first of each ranking, however low it is in the other.
        best = list(dict.fromkeys([*best, *by_words[:count], *self._ids[rows[:count]].tolist()]))
        row_of = dict(zip(best, np.searchsorted(self._ids, best).tolist(), strict=True))
        seen: list[tuple[search.Hit, Passage]] = []
        for passage in best:
            document, text, heading, page = self._connection.execute(
                "SELECT d.name, p.text, p.heading, p.page FROM passages p JOIN documents d ON d.id = p.document"
                " WHERE p.id = ?",
                (passage,),
            ).fetchone()
            coverage = search.covered(f"{heading} {text}", weights)
            hit = search.Hit(passage, fused[passage], float(likeness[row_of[passage]]), coverage)
            seen.append((hit, Passage(document, text, hit.score(trust), heading, page)))
        seen.sort(key=lambda pair: (-pair[0].relevance(trust), -pair[0].fused, pair[0].passage))
        found: list[Passage] = []
        given: list[int] = []
        for hit, candidate in seen:
            relevance = hit.relevance(trust)
            if len(found) == count or relevance <= 0 or relevance < search.RELATIVE * seen[0][0].relevance(trust):
                break
            row = row_of[hit.passage]
            alike = self._vectors[given] @ self._vectors[row]
            if not any(map(search.says_the_same, alike, (f.text for f in found), repeat(candidate.text))):
                given.append(row)
                found.append(candidate)
        return found

    def _delete(self, name: str) -> bool:
        row = self._connection.execute("SELECT id FROM documents WHERE name = ?", (name,)).fetchone()
        if row is None:
            return False
        self._connection.execute(
            "DELETE FROM words WHERE rowid IN (SELECT id FROM passages WHERE document = ?)", (row[0],)
        )
        self._connection.execute("DELETE FROM documents WHERE id = ?", (row[0],))
        return True

    def _refresh(self) -> None:
        """Load the vectors again when anybody has changed the base."""
        # The pragma tells of other connections' changes only.
        version = (self._connection.execute("PRAGMA data_version").fetchone()[0], self._changes)
        if version == self._version:
            return
        rows = self._connection.execute("SELECT id, vector FROM passages ORDER BY id").fetchall()
        self._ids = np.array([row[0] for row in rows], np.int64)
        joined = np.frombuffer(b"".join(row[1] for row in rows), "<f2").astype(np.float32)
        self._vectors = joined.reshape(len(rows), -1) if rows else joined.reshape(0, 0)
        self._version = version

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """One state of the base for several queries, whoever writes meanwhile."""
        self._connection.execute("BEGIN")
        try:
            self._connection.execute("SELECT 1 FROM facts").fetchone()  # a read is what begins it
            yield
        finally:
            self._connection.execute("COMMIT")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        self._changes += 1
