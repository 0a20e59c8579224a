"""All knowledge bases of a machine, for callers that may block: the command line and worker threads.

A folder with one file for each base. Putting a document reads it (in a child process), cuts it into
passages, embeds them and stores them in one transaction. Not thread safe: use one object a thread. Several
processes may use the folder at once.
"""

from __future__ import annotations

import functools
import hashlib
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, Protocol, TypeVar

import numpy as np

from engine.errors import Conflict, EngineError, InvalidField, NotFound, TooLarge, UnreadableMedia
from engine.items import FloatArray
from engine.knowledge.base import Base, DamagedBase, remove
from engine.knowledge.extract import Extractor
from engine.knowledge.items import KB_ID, DocumentInfo, KnowledgeLimits, Passage, Unreadable
from engine.knowledge.quotes import Quote, best_quote, covered_sentences, sentences_of
from engine.knowledge.search import mostly_unspaced
from engine.knowledge.whole_answers import CANDIDATES, queries, spelled_alike, whole_answer

Progress = Callable[[str, int, int], None]
"""Called with the stage (``read``, ``embed``, ``store``), the steps done and the steps in all."""

P = ParamSpec("P")
R = TypeVar("R")

EMBED_BATCH = 16
"""Passages between two progress reports, which are also where adding can be stopped."""

MAX_OPEN = 16
"""Bases kept open; each takes three files and a few hundred kilobytes."""

KEPT_SENTENCES = 1000
"""Passages whose sentences' vectors are kept, some 8 MB. Embedding those of two takes 20 to 40 ms."""

SUFFIX = ".sqlite"


class TextEmbedder(Protocol):
    """Turns texts into unit vectors, (n, dimension) float32."""

    dimension: int
    multilingual: bool

    def embed(self, texts: list[str]) -> FloatArray: ...


class UnknownKnowledge(EngineError):
    """No knowledge base has this id."""

    code, status = "unknown_kb", 422


def _names_damage(method: Callable[P, R]) -> Callable[P, R]:
    """Turn SQLite's errors (a damaged file, or one locked for too long) into ``DamagedBase``."""

    @functools.wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except sqlite3.Error as error:
            raise DamagedBase(f"the knowledge base cannot be read or written ({error})") from None

    return guarded


class KnowledgeStore:
    """Knowledge bases by id. A context manager.

    Args:
        folder: holds the bases; created with the first document.
        embedder: loads the embedding model; called when first needed, so that listing loads no model.
        model: the embedding model's name, stored in each base.
        limits: how much may be added.
        built_in: files of bases that come with the engine, by id; they count once they exist. A base of the operator's
            with the same id is used instead.
    """

    def __init__(
        self,
        folder: Path,
        embedder: Callable[[], TextEmbedder],
        model: str,
        limits: KnowledgeLimits,
        built_in: Mapping[str, Path] | None = None,
    ) -> None:
        self._folder = folder
        self._built_in = dict(built_in or {})
        self._make_embedder = embedder
        self._embedder: TextEmbedder | None = None
        self._model = model
        self.limits = limits
        self._extractor = Extractor(limits)
        self._sentences: OrderedDict[tuple[str, ...], FloatArray] = OrderedDict()
        self._open: OrderedDict[str, Base] = OrderedDict()
        """Least recently used first."""

    def __enter__(self) -> KnowledgeStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the bases and end the reading process. Idempotent."""
        self._extractor.close()
        while self._open:
            self._open.popitem()[1].close()

    def bases(self) -> list[str]:
        """The ids of all knowledge bases, sorted."""
        own = (file.stem for file in self._folder.glob(f"*{SUFFIX}")) if self._folder.is_dir() else ()
        return sorted({*own, *filter(self.built_in, self._built_in)})

    def built_in(self, kb_id: str) -> bool:
        """Whether this id means a base that comes with the engine."""
        file = self._built_in.get(kb_id)
        return file is not None and not self._own_file(kb_id).is_file() and file.is_file()

    def exists(self, kb_id: str) -> bool:
        """Whether there is a base with this id; False for ids that could be paths."""
        return KB_ID.fullmatch(kb_id) is not None and self._file(kb_id).is_file()

    @_names_damage
    def documents(self, kb_id: str) -> list[DocumentInfo]:
        """The documents in a base, sorted by name.

        Raises:
            UnknownKnowledge: there is no such base.
        """
        return self._base(kb_id).documents()

    @_names_damage
    def document(self, kb_id: str, name: str) -> DocumentInfo:
        """One document of a base.

        Raises:
            UnknownKnowledge: there is no such base.
            NotFound: there is no such document.
        """
        found = self._base(kb_id).document(name)
        if found is None:
            raise NotFound(f"there is no document {name[:80]!r} in {kb_id}")
        return found

    @_names_damage
    def put(self, kb_id: str, name: str, data: bytes, progress: Progress | None = None) -> DocumentInfo:
        """Add a document, or replace the one of that name; putting the same bytes again changes nothing.

        Raises:
            InvalidField: the id or the name is not allowed.
            TooLarge: a limit is exceeded.
            UnreadableMedia: the document cannot be read; the message says why.
            WrongModel: the base was made with another embedding model.
            DamagedBase: the base's file cannot be read or written.
            Conflict: the base is built in.
        """
        self._check(kb_id, name, data)
        self._refuse_built_in(kb_id)
        tell = progress or (lambda stage, done, total: None)
        digest = hashlib.sha256(data).hexdigest()
        base = self._base(kb_id) if self.exists(kb_id) else None
        present = base.document(name) if base is not None else None
        if present is not None and present.sha256 == digest:
            return present
        documents, passages = base.counts() if base is not None else (0, 0)
        if present is None and documents >= self.limits.documents:
            raise TooLarge(
                f"{kb_id} has {documents} documents; the limit (knowledge_documents) is {self.limits.documents}"
            )
        tell("read", 0, 1)
        try:
            pieces = self._extractor.read(name, data, lambda: tell("read", 0, 1))
        except Unreadable as error:
            raise UnreadableMedia(f"{name}: {error}") from None
        if passages + len(pieces) > self.limits.passages:
            raise TooLarge(
                f"{name} has {len(pieces)} passages, but {kb_id} has room for only {self.limits.passages - passages} "
                "(setting knowledge_passages)"
            )
        batches: list[FloatArray] = []
        for start in range(0, len(pieces), EMBED_BATCH):
            tell("embed", start, len(pieces))
            chosen = pieces[start : start + EMBED_BATCH]
            batches.append(self._embed([f"{p.heading}: {p.text}" if p.heading else p.text for p in chosen]))
        tell("store", len(pieces), len(pieces))
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._base(kb_id, create=True).put(name, len(data), digest, pieces, np.concatenate(batches))

    @_names_damage
    def delete_document(self, kb_id: str, name: str) -> None:
        """Remove a document.

        Raises:
            UnknownKnowledge: there is no such base.
            NotFound: there is no such document.
            Conflict: the base is built in.
        """
        self._refuse_built_in(kb_id)
        if not self._base(kb_id).delete(name):
            raise NotFound(f"there is no document {name[:80]!r} in {kb_id}")

    def delete(self, kb_id: str) -> None:
        """Remove a base with all its documents.

        Raises:
            UnknownKnowledge: there is no such base.
            Conflict: it is built in.
        """
        self._refuse_built_in(kb_id)
        if not self.exists(kb_id):
            raise UnknownKnowledge(f"there is no knowledge base {kb_id[:64]!r}")
        self.let_go(kb_id)
        remove(self._file(kb_id))

    def let_go(self, kb_id: str) -> None:
        """Close a base's file if it is open here: one that was deleted takes up the disk as long as anybody has it."""
        if kb_id in self._open:
            self._open.pop(kb_id).close()

    @_names_damage
    def search(self, kb_id: str, question: str, count: int = 3) -> list[Passage]:
        """The passages that answer ``question``, best first; empty when none does.

        Raises:
            UnknownKnowledge: there is no such base.
        """
        question = question.strip()[:1000]
        return self._search(kb_id, question, self._embed([question])[0], count) if question else []

    def _search(self, kb_id: str, question: str, vector: FloatArray, count: int) -> list[Passage]:
        return self._base(kb_id).search(question, vector, count, multilingual=self._loaded().multilingual)

    @_names_damage
    def quote(self, kb_id: str, question: str) -> Quote | None:
        """What the base says on ``question`` in its own words; None when no passage answers it well.

        Raises:
            UnknownKnowledge: there is no such base.
        """
        question = question.strip()[:1000]
        built_in = self.built_in(kb_id)
        if built_in:
            question = spelled_alike(question)
        if not question:
            return None
        vector = self._embed([question])[0]
        if built_in:
            found = [each for query in queries(question) for each in self._search(kb_id, query, vector, CANDIDATES)]
            return whole_answer(question, found)
        found = self._search(kb_id, question, vector, 2)
        if mostly_unspaced(question) and not self._loaded().multilingual:
            similar = [covered_sentences(question, passage) for passage in found]
        else:
            similar = [self._sentence_vectors(passage) @ vector for passage in found]
        return best_quote(question, found, similar)

    def _sentence_vectors(self, passage: Passage) -> FloatArray:
        """(n, dimension) float32 of a passage's sentences; those of the last ``KEPT_SENTENCES`` passages are kept."""
        texts = tuple(f"{passage.heading}: {each}" if passage.heading else each for each in sentences_of(passage))
        if texts not in self._sentences:
            self._sentences[texts] = self._embed(list(texts))
            if len(self._sentences) > KEPT_SENTENCES:
                self._sentences.popitem(last=False)
        self._sentences.move_to_end(texts)
        return self._sentences[texts]

    def _embed(self, texts: list[str]) -> FloatArray:
        return self._loaded().embed(texts)

    def _loaded(self) -> TextEmbedder:
        if self._embedder is None:
            self._embedder = self._make_embedder()
        return self._embedder

    def _own_file(self, kb_id: str) -> Path:
        return self._folder / f"{kb_id}{SUFFIX}"

    def _file(self, kb_id: str) -> Path:
        return self._built_in[kb_id] if self.built_in(kb_id) else self._own_file(kb_id)

    def _refuse_built_in(self, kb_id: str) -> None:
        if self.built_in(kb_id):
            raise Conflict(
                f"{kb_id} is the built-in course and cannot be changed: use another id for your documents, or set "
                "knowledge_starter to false to have none"
            )

    def _base(self, kb_id: str, *, create: bool = False) -> Base:
        """The base, kept open; closed or opened again if another process deleted or replaced its file."""
        if not create and not self.exists(kb_id):
            if kb_id in self._open:
                self._open.pop(kb_id).close()
            raise UnknownKnowledge(f"there is no knowledge base {kb_id[:64]!r}")
        file = self._file(kb_id)
        if kb_id in self._open and not self._open[kb_id].same_file(file):
            self._open.pop(kb_id).close()
        if kb_id not in self._open:
            self._open[kb_id] = Base(file, self._model, create=create, fixed=self.built_in(kb_id))
            if len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(kb_id)
        return self._open[kb_id]

    def _check(self, kb_id: str, name: str, data: bytes) -> None:
        if not KB_ID.fullmatch(kb_id):
            raise InvalidField("kb_id: must be 1 to 64 letters, digits, - or _, beginning with a letter or digit")
        plain = name.strip() == name and name.isprintable() and 0 < len(name) <= self.limits.name_chars
        if not plain or "/" in name or "\\" in name or name.startswith("."):
            raise InvalidField(
                f"document name: must be a file name of 1 to {self.limits.name_chars} characters "
                "without slashes, not beginning with a dot"
            )
        if len(data) > self.limits.document_bytes:
            raise TooLarge(
                f"{name} has {len(data)} bytes; the limit (knowledge_document_bytes) is {self.limits.document_bytes}"
            )
