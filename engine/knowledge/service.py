"""Knowledge bases for the event loop: the same store, behind worker threads.

What only reads has a thread of its own, so that adding documents never stands in its way.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Lock

from engine.concurrency.worker import Worker
from engine.errors import Conflict
from engine.knowledge.items import Adding, DocumentInfo, Limits, Passage
from engine.knowledge.store import KnowledgeStore, TextEmbedder
from engine.settings import Settings


class AddingStopped(Conflict):
    """The document was deleted, or added anew, while it was on its way in."""

    code = "adding_stopped"


class Knowledge:
    """All knowledge bases of this engine. ``close`` it at the end.

    Args:
        folder: where they are.
        embedder: makes the embedding model; called once, at the first need or by ``warm_up``.
        model: the model's name.
        limits: how much may go in.
    """

    def __init__(
        self, folder: Path, embedder: Callable[[], TextEmbedder], model: str, limits: Limits | None = None
    ) -> None:
        limits = limits or Limits()
        self.limits = limits
        self._make = embedder
        self._made: TextEmbedder | None = None
        self._lock = Lock()
        self._reader = KnowledgeStore(folder, self._shared, model, limits)
        self._writer = KnowledgeStore(folder, self._shared, model, limits)
        self._searching = Worker("kb-search", threads=1, backlog=256)
        self._writing = Worker("kb-add", threads=1, backlog=16)
        self._adding: dict[tuple[str, str], Adding] = {}

    def exists(self, kb_id: str) -> bool:
        """Whether there is a base of this id. One look at the file system; may run on the loop."""
        return self._reader.exists(kb_id)

    async def warm_up(self) -> None:
        """Load the embedding model and run it once."""
        await self._searching.run(lambda: self._shared().embed(["warm"]))

    async def search(self, kb_id: str, query: str, count: int = 3) -> list[Passage]:
        """The passages that answer ``query``, best first; empty when none does.

        Raises:
            UnknownKnowledge: there is no such base (any more).
        """
        return await self._searching.run(self._reader.search, kb_id, query, count)

    async def bases(self) -> list[str]:
        """Ids of all bases."""
        return await self._searching.run(self._reader.bases)

    async def documents(self, kb_id: str) -> list[DocumentInfo]:
        """See ``KnowledgeStore.documents``."""
        return await self._searching.run(self._reader.documents, kb_id)

    async def document(self, kb_id: str, name: str) -> DocumentInfo:
        """See ``KnowledgeStore.document``."""
        return await self._searching.run(self._reader.document, kb_id, name)

    async def put(self, kb_id: str, name: str, data: bytes) -> DocumentInfo:
        """See ``KnowledgeStore.put``. Cancelling it stops the work at its next passages; nothing is stored then.

        Raises:
            AddingStopped: the document was deleted or put again meanwhile.
        """
        self._stop(kb_id, name)
        adding = self._adding[kb_id, name] = Adding(name)

        def tell(stage: str, done: int, total: int) -> None:
            if adding.stopped:
                raise AddingStopped(f"{name}: it was deleted or put again before it was in")
            adding.stage, adding.done, adding.total = stage, done, total

        try:
            return await self._writing.run(self._writer.put, kb_id, name, data, tell)
        finally:
            adding.stopped = True
            if self._adding.get((kb_id, name)) is adding:
                del self._adding[kb_id, name]

    def adding(self, kb_id: str) -> list[Adding]:
        """Documents of a base that are on their way in."""
        return [adding for (base, _), adding in self._adding.items() if base == kb_id]

    def _stop(self, kb_id: str, name: str | None = None) -> None:
        """Whoever adds ``name``, or anything when it is None, is to stop."""
        for adding in self.adding(kb_id):
            if name in (None, adding.name):
                adding.stopped = True

    async def delete_document(self, kb_id: str, name: str) -> None:
        """See ``KnowledgeStore.delete_document``; stops its being added, too."""
        self._stop(kb_id, name)
        await self._writing.run(self._writer.delete_document, kb_id, name)

    async def delete(self, kb_id: str) -> None:
        """See ``KnowledgeStore.delete``; stops what is being added to it, too."""
        self._stop(kb_id)
        await self._writing.run(self._writer.delete, kb_id)

    def close(self) -> None:
        """Wait for what runs, end the threads, close the files. Idempotent."""
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
    """The embedding model the settings name.

    Raises:
        ModelMissing: it is not on this machine.
    """
    from engine.knowledge.embed import Embedder
    from engine.models.catalog import locate

    return Embedder(locate(settings.knowledge.embeddings, settings.models_dir, settings.cache_dir))


def limits_of(settings: Settings) -> Limits:
    """The limits the settings ask for."""
    return Limits(
        document_bytes=settings.knowledge.document_bytes,
        documents=settings.knowledge.documents,
        passages=settings.knowledge.passages,
    )


def open_knowledge(settings: Settings) -> Knowledge:
    """The knowledge bases of an engine with these settings; nothing is loaded yet."""
    return Knowledge(
        settings.knowledge.dir, lambda: make_embedder(settings), settings.knowledge.embeddings, limits_of(settings)
    )
