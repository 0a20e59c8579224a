"""A base that comes with the engine: prepared once, only read, and the operator's comes first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import Conflict
from engine.items import FloatArray
from engine.knowledge import starter
from engine.knowledge.items import KnowledgeLimits
from engine.knowledge.starter import STARTER, course_file, prepare_course
from engine.knowledge.store import KnowledgeStore


class CountingEmbedder:
    """Vectors of letter counts; counts the texts."""

    dimension = 26
    multilingual = False

    def __init__(self) -> None:
        self.embedded = 0

    def embed(self, texts: list[str]) -> FloatArray:
        self.embedded += len(texts)
        counts = np.array([[t.lower().count(chr(97 + i)) + 0.01 for i in range(26)] for t in texts], np.float32)
        unit: FloatArray = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return unit


@pytest.fixture(autouse=True)
def small_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "en-rocks.md").write_text("## Granite\nGranite is a hard rock.\n\n## Chalk\nChalk is a soft rock.\n")
    monkeypatch.setattr(starter, "COURSE", folder)
    monkeypatch.setattr(starter.read_course, "__defaults__", (folder,))
    return folder


def open_bases(tmp_path: Path, embedder: CountingEmbedder) -> KnowledgeStore:
    built_in = {STARTER: course_file(tmp_path / "cache", "letters")}
    return KnowledgeStore(tmp_path / "own", lambda: embedder, "letters", KnowledgeLimits(), built_in)


def test_it_is_prepared_once_and_again_when_a_text_changes(tmp_path: Path, small_course: Path) -> None:
    embedder = CountingEmbedder()
    told: list[tuple[str, int, int]] = []
    for _ in range(2):
        file = prepare_course(tmp_path / "cache", "letters", lambda: embedder, lambda *step: told.append(step))
        assert embedder.embedded == 2
    assert told == [("starter course", 2, 2)]
    (small_course / "en-rocks.md").write_text("## Slate\nSlate is a flat rock.\n")
    assert prepare_course(tmp_path / "cache", "letters", lambda: embedder) != file
    assert embedder.embedded == 3


def test_it_is_there_once_it_is_prepared_and_nothing_is_written_beside_it(tmp_path: Path) -> None:
    embedder = CountingEmbedder()
    with open_bases(tmp_path, embedder) as store:
        assert (store.bases(), store.exists(STARTER)) == ([], False)
        file = prepare_course(tmp_path / "cache", "letters", lambda: embedder)
        assert (store.bases(), store.exists(STARTER), store.built_in(STARTER)) == ([STARTER], True, True)
        assert [passage.text for passage in store.search(STARTER, "What is chalk?", 1)] == ["Chalk is a soft rock."]
        assert sorted(path.name for path in file.parent.iterdir()) == ["manifest.json", "starter.sqlite"]


def test_it_cannot_be_changed(tmp_path: Path) -> None:
    embedder = CountingEmbedder()
    prepare_course(tmp_path / "cache", "letters", lambda: embedder)
    with open_bases(tmp_path, embedder) as store:
        for change in (
            lambda: store.put(STARTER, "a.txt", b"mine"),
            lambda: store.delete(STARTER),
            lambda: store.delete_document(STARTER, "en-rocks.md"),
        ):
            with pytest.raises(Conflict, match="built-in course"):
                change()
        assert store.search(STARTER, "What is chalk?")


def test_an_operators_base_of_the_same_name_is_used_instead(tmp_path: Path) -> None:
    embedder = CountingEmbedder()
    with open_bases(tmp_path, embedder) as store:
        store.put(STARTER, "mine.txt", b"Basalt is a dark rock.")
        prepare_course(tmp_path / "cache", "letters", lambda: embedder)
        assert not store.built_in(STARTER)
        assert [document.name for document in store.documents(STARTER)] == ["mine.txt"]
        store.delete(STARTER)
        assert store.built_in(STARTER)
        assert store.documents(STARTER)[0].name == "en-rocks.md"
