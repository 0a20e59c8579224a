"""Adding, replacing, refusing, deleting, and being killed in the middle."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pypdf import PdfReader, PdfWriter

from engine.cli.knowledge import main
from engine.errors import Conflict, InvalidField, NotFound, TooLarge, UnreadableMedia
from engine.items import FloatArray
from engine.knowledge.items import KnowledgeLimits
from engine.knowledge.store import KnowledgeStore, UnknownKnowledge
from tests.knowledge.corpus import make_docx, make_pdf

ROOT = Path(__file__).parents[2]


class LetterEmbedder:
    """Vectors of letter counts: quick, and alike for alike words."""

    dimension = 26
    multilingual = True

    def embed(self, texts: list[str]) -> FloatArray:
        counts = np.array([[t.lower().count(chr(97 + i)) + 0.01 for i in range(26)] for t in texts], np.float32)
        unit: FloatArray = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return unit


def make(folder: Path, limits: KnowledgeLimits | None = None, model: str = "letters") -> KnowledgeStore:
    return KnowledgeStore(folder, LetterEmbedder, model, limits or KnowledgeLimits())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[KnowledgeStore]:
    with make(tmp_path) as made:
        yield made


def test_every_kind_of_document_is_read(store: KnowledgeStore) -> None:
    for name, data, words in [
        ("a.pdf", make_pdf(["Granite is hard."]), "Granite is hard."),
        ("a.docx", make_docx(), "A bowline makes a loop that does not slip. port | red light"),
        ("a.md", b"# T\n\nSome *marked* text\n\n- one\n", "Some marked text one"),
        ("a.html", b"<html><script>no()</script><body><h1>T</h1><p>Some <b>bold</b> text</p></body>", "Some bold text"),
        ("a.txt", "Grüße aus Köln".encode("utf-16"), "Grüße aus Köln"),
        ("gb.txt", "你好，世界".encode("gb18030"), "你好，世界"),
    ]:
        assert store.put("kb", name, data).passages == 1
        assert words in [p.text for p in store.search("kb", words, 10)], name
    assert [d.name for d in store.documents("kb")] == ["a.docx", "a.html", "a.md", "a.pdf", "a.txt", "gb.txt"]


def test_headings_and_pages_are_kept(store: KnowledgeStore) -> None:
    store.put("kb", "a.docx", make_docx())
    store.put("kb", "a.pdf", make_pdf(["nothing here", "quartz crystals"]))
    assert store.search("kb", "bowline loop slip")[0].heading == "Sailing > Knots"
    assert store.search("kb", "quartz crystals")[0].source()["page"] == 2


def test_adding_again_replaces(store: KnowledgeStore) -> None:
    store.put("kb", "a.txt", b"zebras zebras zebras")
    store.put("kb", "a.txt", b"quokkas quokkas quokkas")
    assert all("zebras" not in p.text for p in store.search("kb", "zebras zebras zebras"))
    assert [p.text for p in store.search("kb", "quokkas quokkas quokkas")] == ["quokkas quokkas quokkas"]
    assert len(store.documents("kb")) == 1


def encrypted_pdf() -> bytes:
    import io

    writer, out = PdfWriter(PdfReader(io.BytesIO(make_pdf(["secret"])))), io.BytesIO()
    writer.encrypt("password", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def zip_bomb() -> bytes:
    import io
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(101_000_000))
    return out.getvalue()


def test_bad_documents_are_refused_with_a_reason_and_the_rest_go_in(store: KnowledgeStore) -> None:
    for name, data, reason in [
        ("a.pdf", encrypted_pdf(), "encrypted"),
        ("b.pdf", b"%PDF-1.4 broken", "not a readable PDF"),
        ("c.pdf", make_pdf([" "]), "no text"),
        ("d.docx", b"PK\x03\x04 broken", "not a readable DOCX"),
        ("e.docx", zip_bomb(), "unpacks to more"),
        ("f.exe", b"MZ", "format is not supported"),
        ("g.txt", b"\x00\x01\x02", "encoding"),
        ("h.txt", b"", "no text"),
        ("i.html", b"<p> </p>", "no text"),
    ]:
        with pytest.raises(UnreadableMedia, match=reason) as caught:
            store.put("kb", name, data)
        assert name in caught.value.message
    store.put("kb", "good.txt", b"good")
    assert [d.name for d in store.documents("kb")] == ["good.txt"]


def test_a_parser_that_hangs_or_eats_memory_is_ended(tmp_path: Path) -> None:
    deep = b"<div>" * 400_000
    with make(tmp_path, KnowledgeLimits(parse_s=0.05)) as store:
        with pytest.raises(UnreadableMedia, match="too much time"):
            store.put("kb", "slow.html", b"<p>x</p>" * 400_000)
        assert not store.exists("kb")
    with make(tmp_path, KnowledgeLimits(parse_bytes=400_000_000)) as store:
        with pytest.raises(UnreadableMedia):
            store.put("kb", "deep.html", deep * 3)
        assert store.put("kb", "good.txt", b"good").passages == 1


def test_a_reading_process_that_nobody_watches_ends_by_itself() -> None:
    script = "from engine.knowledge import extract as e; import sys; e.serve(sys.stdin.buffer, sys.stdout.buffer, 0.2)"
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.write(b'{"name": "a.txt", "size": 10}\nhalf')
        child.stdin.flush()
        assert child.wait(60) == -signal.SIGALRM


def test_limits(tmp_path: Path) -> None:
    with make(tmp_path, KnowledgeLimits(document_bytes=2000, documents=2, passages=6)) as store:
        with pytest.raises(TooLarge):
            store.put("kb", "a.txt", b"x" * 2001)
        with pytest.raises(TooLarge, match="passages"):
            store.put("kb", "long.md", "".join(f"# {i}\n\ntext {i}\n\n" for i in range(7)).encode())
        store.put("kb", "a.txt", b"one")
        store.put("kb", "b.txt", b"two")
        with pytest.raises(TooLarge, match="documents"):
            store.put("kb", "c.txt", b"three")
        store.put("kb", "b.txt", b"replacing is no addition")


@pytest.mark.parametrize("kb_id", ["../x", "a/b", "", ".x", "a b", "x" * 65, "a.sqlite"])
def test_ids_that_could_be_paths_are_refused(store: KnowledgeStore, tmp_path: Path, kb_id: str) -> None:
    with pytest.raises(InvalidField):
        store.put(kb_id, "a.txt", b"x")
    with pytest.raises(UnknownKnowledge):
        store.search(kb_id, "x")
    assert not store.exists(kb_id) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../a.txt", "a/b.txt", "", ".hidden.txt", "a\n.txt", " a.txt", "x" * 300 + ".txt"])
def test_document_names_are_plain(store: KnowledgeStore, name: str) -> None:
    with pytest.raises(InvalidField):
        store.put("kb", name, b"x")


def test_deleting(store: KnowledgeStore, tmp_path: Path) -> None:
    store.put("kb", "a.txt", b"zebra")
    store.put("kb", "b.txt", b"tapir")
    store.delete_document("kb", "a.txt")
    assert [p.document for p in store.search("kb", "zebra tapir", 5)] == ["b.txt"]
    with pytest.raises(NotFound):
        store.delete_document("kb", "a.txt")
    store.delete("kb")
    assert not store.exists("kb") and list(tmp_path.iterdir()) == []
    with pytest.raises(UnknownKnowledge):
        store.delete("kb")


def test_another_process_writes_and_deletes(store: KnowledgeStore, tmp_path: Path) -> None:
    with make(tmp_path) as other:
        other.put("kb", "a.txt", b"zebra")
        assert len(store.search("kb", "zebra")) == 1
        other.put("kb", "b.txt", b"zebra and tapir")
        assert len(store.search("kb", "zebra")) == 2
        other.delete("kb")
        with pytest.raises(UnknownKnowledge):
            store.search("kb", "zebra")
        other.put("kb", "c.txt", b"zebra")
        assert [p.document for p in store.search("kb", "zebra")] == ["c.txt"]


def test_what_says_the_same_is_given_once(store: KnowledgeStore) -> None:
    for name, text in ("a.txt", "Room 12: a zebra."), ("b.txt", "Room 12: a zebra!"), ("c.txt", "Room 13: a zebra."):
        store.put("kb", name, text.encode())
    assert sorted(p.document for p in store.search("kb", "zebra")) == ["a.txt", "c.txt"]


def test_vectors_of_another_model_are_not_mixed(store: KnowledgeStore, tmp_path: Path) -> None:
    store.put("kb", "a.txt", b"zebra")
    with make(tmp_path, model="other") as other, pytest.raises(Conflict, match="letters"):
        other.search("kb", "zebra")


def test_killed_in_the_middle_it_is_whole(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from pathlib import Path
        from tests.knowledge.test_knowledge_store import make
        store = make(Path({str(tmp_path)!r}))
        text = "\\n\\n".join(f"# {{i}}\\n\\npassage {{i}}" for i in range(3000))
        round = 0
        while True:
            store.put("kb", "a.md", (text + f"\\n\\nround {{round}}").encode())
            print(round, flush=True)
            round += 1
    """)
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.7)
    child.send_signal(signal.SIGKILL)
    child.wait(60)
    child.stdout.close()
    with make(tmp_path) as store:
        (document,) = store.documents("kb")
        assert document.passages == 3001 or document.passages == 3000
        assert len(store.search("kb", "passage 77", 3)) == 3
    database = sqlite3.connect(tmp_path / "kb.sqlite")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert database.execute("SELECT count(*) FROM passages").fetchone() == (document.passages,)
    assert database.execute("SELECT count(*) FROM words").fetchone() == (document.passages,)
    database.close()


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    material = tmp_path / "material"
    material.mkdir()
    (material / "a.md").write_text("# Bees\n\nBees dance to tell where flowers are.")
    (material / "bad.pdf").write_bytes(b"nope")
    (material / "skipped.png").write_bytes(b"")
    directory = ["--dir", str(tmp_path / "kb")]
    assert main([*directory, "add", "zoo", str(material), str(material / "gone.txt")]) == 1
    output = capsys.readouterr()
    assert "1 of 3 documents are in zoo" in output.out and "bad.pdf" in output.err and "gone.txt" in output.err
    assert main([*directory, "list"]) == 0
    assert "zoo: 1 documents, 1 passages" in capsys.readouterr().out
    assert main([*directory, "ask", "zoo", "How do bees talk about flowers?"]) == 0
    assert "a.md" in capsys.readouterr().out
    assert main([*directory, "remove", "zoo", "a.md"]) == 0
    assert main([*directory, "remove", "zoo"]) == 0
    assert main([*directory, "list", "zoo"]) == 1
    assert "zoo" in capsys.readouterr().err
    assert list((tmp_path / "kb").iterdir()) == []
