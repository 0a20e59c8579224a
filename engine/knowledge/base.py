"""One knowledge base: an SQLite file (WAL) with documents, passages, words and vectors.

Blocking; an object may be used by one thread at a time. A document is added or removed in one
transaction, so a process killed at any moment leaves the base as it was before or after. Other
processes may write at the same time: readers notice and reload their vectors.
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
from engine.knowledge import schema, search
from engine.knowledge.items import DocumentInfo, Passage, Piece
from engine.knowledge.terms import index_language, terms_of

LOCKED_S = 10.0
"""Seconds to wait for a lock that another process holds."""


_changing_files = threading.Lock()
"""Held while a base's file is opened, closed or removed, so that only one of these happens at a time.

SQLite names its shared memory after the file. If a file is replaced while a second connection of this process
opens it, both connections share memory for two different files: "database is locked", or the process dies (SIGBUS).
The last connection to close removes the log and the shared memory by name. If the file was replaced meanwhile, it
removes those of the new file: "disk I/O error", and what the log held is lost.
"""


class WrongModel(Conflict):
    """The base was made with another embedding model; its vectors cannot be compared."""

    code = "wrong_embedding_model"


class DamagedBase(EngineError):
    """A base's file is damaged, locked for too long, or gone."""

    code, status = "knowledge_damaged", 503


def remove(file: Path) -> None:
    """Remove a base's files. Open connections keep the old content; see ``Base.same_file``."""
    with _changing_files:
        for ending in ("", "-wal", "-shm"):
            Path(f"{file}{ending}").unlink(missing_ok=True)


class Base:
    """An open knowledge base. Use as a context manager or ``close`` it.

    Args:
        file: the database.
        model: name of the embedding model, stored in the base.
        create: create the file if it does not exist.
        fixed: the file is only read and never changes; nothing is written beside it either.

    Raises:
        WrongModel: the base was made with another model.
        NewerBase: a newer engine wrote it.
        DamagedBase: the file does not exist, is not a database, or is locked for too long.
    """

    def __init__(self, file: Path, model: str, *, create: bool = True, fixed: bool = False) -> None:
        self._fixed = fixed
        with _changing_files:
            self._open(file, model, "ro&immutable=1" if fixed else "rwc" if create else "rw")
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
            raise DamagedBase(f"the knowledge base {file.stem} cannot be opened ({error})") from None
        try:
            self._prepare(file.stem, model)
            known = self._connection.execute("SELECT value FROM facts WHERE name = 'model'").fetchone()[0]
            if known != model:
                raise WrongModel(
                    f"{file.stem} was made with the embedding model {known}, but the setting knowledge_embeddings is "
                    f"{model}: set it back, or add the documents to a new base"
                )
            self._inode = file.stat().st_ino
        except (sqlite3.DatabaseError, OSError) as error:
            self._connection.close()
            raise DamagedBase(f"the knowledge base {file.stem} cannot be read ({error})") from None
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, name: str, model: str) -> None:
        if self._fixed:
            self._connection.execute("PRAGMA mmap_size = 268435456")
            return
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "mmap_size = 268435456"):
            self._connection.execute(f"PRAGMA {pragma}")
        schema.prepare(self._connection, name)
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
        """Whether ``file`` is still the open one, not a new file at the same path."""
        try:
            return file.stat().st_ino == self._inode
        except OSError:
            return False

    def documents(self) -> list[DocumentInfo]:
        """All documents, sorted by name."""
        rows = self._connection.execute(
            "SELECT name, bytes, passages, sha256, added_at FROM documents ORDER BY name"
        ).fetchall()
        return [DocumentInfo(*row) for row in rows]

    def document(self, name: str) -> DocumentInfo | None:
        """The document of this name, or None."""
        return next((each for each in self.documents() if each.name == name), None)

    def counts(self) -> tuple[int, int]:
        """The number of documents and the number of passages."""
        row = self._connection.execute("SELECT count(*), coalesce(sum(passages), 0) FROM documents").fetchone()
        return row[0], row[1]

    def put(self, name: str, size: int, sha256: str, pieces: Sequence[Piece], vectors: FloatArray) -> DocumentInfo:
        """Add a document, or replace the one of that name, in one transaction.

        Args:
            name: the document's name.
            size: of the file it was read from, bytes.
            sha256: of that file, hex.
            pieces: the document's passages.
            vectors: (len(pieces), dimension) float32, the embedding of each.
        """
        language = index_language(max((piece.text for piece in pieces), key=len, default=""))
        added_at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._transaction():
            self._delete(name)
            document = self._connection.execute(
                "INSERT INTO documents(name, bytes, sha256, passages, added_at, language) VALUES (?, ?, ?, ?, ?, ?)",
                (name, size, sha256, len(pieces), added_at, language),
            ).lastrowid
            for piece, vector in zip(pieces, vectors, strict=True):
                row = self._connection.execute(
                    "INSERT INTO passages(document, text, heading, page, vector) VALUES (?, ?, ?, ?, ?)",
                    (document, piece.text, piece.heading, piece.page, vector.astype("<f2").tobytes()),
                ).lastrowid
                self._connection.execute(
                    "INSERT INTO words(rowid, terms) VALUES (?, ?)",
                    (row, " ".join(terms_of(f"{piece.heading} {piece.text}", language))),
                )
        return DocumentInfo(name, size, len(pieces), sha256, added_at)

    def delete(self, name: str) -> bool:
        """Remove a document; False when there was none."""
        with self._transaction():
            return self._delete(name)

    def search(self, question: str, vector: FloatArray, count: int, *, multilingual: bool = False) -> list[Passage]:
        """The passages that answer ``question`` best; empty when none is about it.

        Args:
            question: as the student asked it.
            vector: (dimension,) float32, the question's embedding.
            count: how many passages at most.
            multilingual: whether the embedding model knows languages other than English.
        """
        with self._snapshot():
            return self._search(question, vector, count, multilingual)

    def _search(self, question: str, vector: FloatArray, count: int, multilingual: bool) -> list[Passage]:
        self._refresh()
        if not len(self._ids):
            return []
        trust = multilingual or not search.mostly_unspaced(question)
        by_words, weights = search.match_words(self._connection, question, len(self._ids))
        rows, similarity = search.nearest(self._vectors, vector, search.CANDIDATES)
        fused = search.fuse([(1.0, by_words), (1.0 if trust else 0.2, self._ids[rows].tolist())])
        best = sorted(fused, key=lambda passage: (-fused[passage], passage))[: 2 * count]
        # Add the first few of each ranking, however low they are in the other.
        best = list(dict.fromkeys([*best, *by_words[:count], *self._ids[rows[:count]].tolist()]))
        row_of = dict(zip(best, np.searchsorted(self._ids, best).tolist(), strict=True))
        seen: list[tuple[search.Hit, Passage]] = []
        for passage in best:
            document, language, text, heading, page = self._connection.execute(
                "SELECT d.name, d.language, p.text, p.heading, p.page FROM passages p"
                " JOIN documents d ON d.id = p.document WHERE p.id = ?",
                (passage,),
            ).fetchone()
            coverage = search.covered(terms_of(f"{heading} {text}", language), weights)
            hit = search.Hit(passage, fused[passage], float(similarity[row_of[passage]]), coverage)
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
        """Load the vectors again if this or another process has changed the base."""
        # The pragma only counts changes by other connections.
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
        """Let several queries see one state of the base, whatever other connections write meanwhile."""
        self._connection.execute("BEGIN")
        try:
            self._connection.execute("SELECT 1 FROM facts").fetchone()  # the snapshot is taken at the first read
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
