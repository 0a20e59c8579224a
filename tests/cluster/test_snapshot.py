"""What is stored of a session: comes back as it was, is bounded, and cannot be read or exchanged by others."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cluster import snapshot
from engine.cluster.envelope import EnvelopeRefused, Owner, Sealer, read_owner
from engine.cluster.snapshot import SessionSnapshot, SnapshotRefused, pack, unpack
from engine.conversation.memory import ConversationMemory
from engine.lessons.entries import StudentEntry, TutorEntry
from engine.lessons.memory import MAX_MEMORY_CHARS, RecordMemory, newest
from engine.llm.history import ChatHistory, HistoryMemory
from engine.protocol.lessons import SafetyNote
from engine.protocol.outgoing import SourcePassage

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOTE = SafetyNote(turn=1, at_ms=5, category="violence", stage="question")
SAID = StudentEntry(1, 0.0, 900.5, "What is a cell?", "voice", "en", 1)
ANSWERED = TutorEntry(
    2,
    1,
    1000.0,
    "live",
    True,
    True,
    "A cell.",
    "A",
    80.0,
    [],
    "model",
    (SourcePassage(document="a.pdf", passage="p", score=0.5),),
)
RECORD = RecordMemory((SAID, ANSWERED), (NOTE,), 3, 0, 2, 1500.0, 1.5, 80.0, 1, 0, 12, 40, 3)
HISTORY = HistoryMemory(((1, "user", "What is a cell?", False, True), (1, "assistant", "A", True, False)), (1,), 7)
SNAPSHOT = SessionSnapshot("s", 1, 2, "biology", "patient", 3, AT, AT, ConversationMemory(1, True, HISTORY, RECORD))
OWNER = Owner("a", "boot", "http://a", 1)
KEY = "k" * 32


def entries(memory: RecordMemory) -> list[object]:
    return [each.to_wire() for each in memory.entries]


def test_a_snapshot_comes_back_as_it_was() -> None:
    back = unpack(pack(SNAPSHOT))
    assert entries(back.conversation.record) == entries(RECORD)
    same = replace(back.conversation.record, entries=RECORD.entries)
    assert replace(back, conversation=replace(back.conversation, record=same)) == SNAPSHOT


def fields_of(packed: bytes) -> dict[str, object]:
    fields: dict[str, object] = json.loads(zlib.decompress(packed))
    return fields


def test_older_snapshots_are_read_and_later_ones_refused() -> None:
    older = fields_of(pack(SNAPSHOT))
    assert unpack(zlib.compress(json.dumps({**older, "version": 0}).encode())).session_id == "s"
    with pytest.raises(SnapshotRefused, match="version 2"):
        unpack(zlib.compress(json.dumps({**older, "version": snapshot.VERSION + 1}).encode()))


@pytest.mark.parametrize(
    "damaged",
    [b"", b"no zlib", zlib.compress(b"[]"), zlib.compress(b'{"version": 1}'), zlib.compress(b"[" * 9000)],
)
def test_damage_is_refused(damaged: bytes) -> None:
    with pytest.raises(SnapshotRefused):
        unpack(damaged)


@given(st.integers(0, 200), st.integers(1, 255))
def test_any_damaged_byte_is_refused_or_noticed_by_the_key(at: int, change: int) -> None:
    sealer = Sealer(KEY)
    sealed = bytearray(sealer.seal("s", OWNER, pack(SNAPSHOT)))
    sealed[at % len(sealed)] ^= change
    with pytest.raises((EnvelopeRefused, SnapshotRefused)):
        unpack(sealer.open("s", bytes(sealed)))


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(SnapshotRefused):
        unpack(zlib.compress(b'{"version": 1, "x": "' + b"a" * snapshot.MAX_JSON_BYTES + b'"}'))


def test_a_snapshot_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "MAX_BYTES", 100)
    with pytest.raises(SnapshotRefused, match="limit is 100"):
        pack(SNAPSHOT)


def test_only_the_key_and_the_session_open_an_envelope() -> None:
    sealed = Sealer(KEY).seal("s", OWNER, b"what was said")
    assert read_owner(sealed) == OWNER and b"said" not in sealed
    assert Sealer(KEY).open("s", sealed) == b"what was said"
    for sealer, session in ((Sealer(KEY + "!"), "s"), (Sealer(KEY), "t")):
        with pytest.raises(EnvelopeRefused):
            sealer.open(session, sealed)
    with pytest.raises(EnvelopeRefused):
        Sealer(KEY).open("s", sealed.replace(b'"epoch":1', b'"epoch":2'))
    with pytest.raises(EnvelopeRefused):
        read_owner(b"anything")


def test_the_newest_entries_are_kept() -> None:
    long = [StudentEntry(n, 0.0, 0.0, "x" * 700, "text") for n in range(100)]
    kept, left_out = newest(long)
    assert kept == tuple(long[left_out:]) and 0 < left_out < 100
    assert sum(entry.chars for entry in kept) <= MAX_MEMORY_CHARS < sum(entry.chars for entry in long[left_out - 1 :])
    assert newest([]) == ((), 0)


def test_a_dialogue_goes_on_elsewhere_to_the_word() -> None:
    here = ChatHistory("Be kind.", context_tokens=300, greeting="Hello")
    for number in range(1, 30):
        here.add_user(number, f"Question {number} about cells?")
        here.add_assistant(number, f"Answer {number}, which is a sentence of some length.")
    here.withhold(29)
    here.heard(28, "Answer 28, which is")
    here.reopen(27)
    here.add_user(30, "And?")
    there = ChatHistory("Be kind.", context_tokens=300)
    there.recall(here.memory())
    assert there.messages("Next") == here.messages("Next") and there.remembered == here.remembered
    assert there.memory() == here.memory()
    assert there.unanswered and there.take_unanswered() == "And?"
    assert not there.unanswered and there.take_unanswered() == ""
