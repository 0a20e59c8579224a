"""Knowledge bases for the event loop: ``KnowledgeStore`` behind worker threads.

Reading and adding have a thread each, so that searches never wait for documents being added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock

from engine.concurrency.worker import Worker
from engine.errors import Conflict
from engine.knowledge.items import Adding, DocumentInfo, KnowledgeLimits, Passage
from engine.knowledge.quotes import Quote
from engine.knowledge.starter import STARTER, course_file, prepare_course
from engine.knowledge.store import KnowledgeStore, TextEmbedder
from engine.models.hashes import Progress, no_progress
from engine.settings import Settings


class AddingStopped(Conflict):
    """The document was deleted, or put again, while it was being added."""

    code = "adding_stopped"


class Knowledge:
    """All knowledge bases of this engine. Call ``close`` at the end.

    Args:
        folder: holds one file for each base.
        embedder: loads the embedding model; called once, by ``warm_up`` or when first needed.
        model: the model's name.
        limits: how much may be added.
        built_in: files of bases that come with the engine, by id.
    """

    def __init__(
        self,
        folder: Path,
        embedder: Callable[[], TextEmbedder],
        model: str,
        limits: KnowledgeLimits | None = None,
        built_in: Mapping[str, Path] | None = None,
    ) -> None:
        limits = limits or KnowledgeLimits()
        self.limits = limits
        self._make = embedder
        self._made: TextEmbedder | None = None
        self._lock = Lock()
        self._reader = KnowledgeStore(folder, self._shared, model, limits, built_in)
        self._writer = KnowledgeStore(folder, self._shared, model, limits, built_in)
        self._searching = Worker("kb-search", threads=1, backlog=256)
        self._writing = Worker("kb-add", threads=1, backlog=16)
        self._adding: dict[tuple[str, str], Adding] = {}

    def exists(self, kb_id: str) -> bool:
        """Whether there is a base with this id. One file system call; may run on the event loop."""
        return self._reader.exists(kb_id)

    def built_in(self, kb_id: str) -> bool:
        """Whether this id means a base that comes with the engine. May run on the event loop."""
        return self._reader.built_in(kb_id)

    async def warm_up(self) -> None:
        """Load the embedding model and run it once.

        Raises:
            ModelMissing: it is not on this machine.
        """
        await self._searching.run(lambda: self._shared().embed(["warm"]))

    async def search(self, kb_id: str, query: str, count: int = 3) -> list[Passage]:
        """The passages that answer ``query``, best first; empty when none does.

        Raises:
            UnknownKnowledge: there is no such base, or it was deleted meanwhile.
        """
        return await self._searching.run(self._reader.search, kb_id, query, count)

    async def quote(self, kb_id: str, question: str) -> Quote | None:
        """What the base says on ``question`` in its own words; None when no passage answers it well.

        Raises:
            UnknownKnowledge: there is no such base, or it was deleted meanwhile.
        """
        return await self._searching.run(self._reader.quote, kb_id, question)

    async def bases(self) -> list[str]:
        """The ids of all bases, sorted."""
        return await self._searching.run(self._reader.bases)

    async def documents(self, kb_id: str) -> list[DocumentInfo]:
        """See ``KnowledgeStore.documents``."""
        return await self._searching.run(self._reader.documents, kb_id)

    async def document(self, kb_id: str, name: str) -> DocumentInfo:
        """See ``KnowledgeStore.document``."""
        return await self._searching.run(self._reader.document, kb_id, name)

    async def put(self, kb_id: str, name: str, data: bytes) -> DocumentInfo:
        """See ``KnowledgeStore.put``. Cancelling it stops the work before its next batch; nothing is stored then.

        Raises:
            AddingStopped: the document was deleted or put again meanwhile.
        """
        self._stop(kb_id, name)
        adding = self._adding[kb_id, name] = Adding(name)

        def tell(stage: str, done: int, total: int) -> None:
            if adding.stopped:
                raise AddingStopped(f"{name} was deleted or put again while it was being added")
            adding.stage, adding.done, adding.total = stage, done, total

        try:
            return await self._writing.run(self._writer.put, kb_id, name, data, tell)
        finally:
            adding.stopped = True
            if self._adding.get((kb_id, name)) is adding:
                del self._adding[kb_id, name]

    def adding(self, kb_id: str) -> list[Adding]:
        """The documents that are being added to a base."""
        return [adding for (base, _), adding in self._adding.items() if base == kb_id]

    def _stop(self, kb_id: str, name: str | None = None) -> None:
        """Stop the adding of ``name``, or of all documents of the base."""
        for adding in self.adding(kb_id):
            if name in (None, adding.name):
                adding.stopped = True

    async def delete_document(self, kb_id: str, name: str) -> None:
        """See ``KnowledgeStore.delete_document``; also stops the document being added."""
        self._stop(kb_id, name)
        await self._writing.run(self._writer.delete_document, kb_id, name)

    async def delete(self, kb_id: str) -> None:
        """See ``KnowledgeStore.delete``; also stops documents being added to it."""
        self._stop(kb_id)
        await self._writing.run(self._writer.delete, kb_id)
        await self._searching.run(self._reader.let_go, kb_id)

    def close(self) -> None:
        """Stop adding, wait for running calls, end the threads and close the files. Idempotent."""
        for adding in self._adding.values():
            adding.stopped = True
        for worker in (self._searching, self._writing):
            worker.close()
        self._reader.close()
        self._writer.close()

    def _shared(self) -> TextEmbedder:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


def make_embedder(settings: Settings) -> TextEmbedder:
    """Load the embedding model the settings name.

    Raises:
        ModelMissing: it is not on this machine.
    """
    from engine.knowledge.embed import Embedder
    from engine.models.catalog import locate

    return Embedder(locate(settings.knowledge.embeddings, settings.models_dir, settings.cache_dir))


def limits_of(settings: Settings) -> KnowledgeLimits:
    """The limits in the settings."""
    return KnowledgeLimits(
        document_bytes=settings.knowledge.document_bytes,
        documents=settings.knowledge.documents,
        passages=settings.knowledge.passages,
    )


def built_in_bases(settings: Settings) -> dict[str, Path]:
    """Where the bases that come with the engine are once they are prepared, by id."""
    if not settings.knowledge.starter:
        return {}
    return {STARTER: course_file(settings.cache_dir, settings.knowledge.embeddings)}


def prepare_built_in(settings: Settings, progress: Progress = no_progress) -> Path | None:
    """Prepare the starter course, if the settings want it; see ``prepare_course``."""
    if not settings.knowledge.starter:
        return None
    return prepare_course(settings.cache_dir, settings.knowledge.embeddings, lambda: make_embedder(settings), progress)


def open_store(settings: Settings) -> KnowledgeStore:
    """The knowledge bases for callers that may block; loads nothing yet."""
    return KnowledgeStore(
        settings.knowledge.dir,
        lambda: make_embedder(settings),
        settings.knowledge.embeddings,
        limits_of(settings),
        built_in_bases(settings),
    )


def open_knowledge(settings: Settings) -> Knowledge:
    """The knowledge bases of an engine with these settings; loads nothing yet."""
    return Knowledge(
        settings.knowledge.dir,
        lambda: make_embedder(settings),
        settings.knowledge.embeddings,
        limits_of(settings),
        built_in_bases(settings),
    )
