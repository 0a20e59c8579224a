"""Each dialogue has its slot; a student's words are moved within a dialogue, never into another's."""

from __future__ import annotations

from engine.llm.slots import REUSED_TOKENS, SlotTable


def slot(table: SlotTable, dialogue: str) -> tuple[int, int]:
    with table.using(dialogue) as fields:
        return fields["id_slot"], fields["n_cache_reuse"]


def test_a_dialogue_keeps_its_slot_while_others_come() -> None:
    table = SlotTable(3)
    assert [slot(table, name)[0] for name in "abcab"] == [0, 1, 2, 0, 1]


def test_tokens_are_moved_only_within_the_dialogue_that_wrote_them() -> None:
    table = SlotTable(1)
    assert [slot(table, name) for name in "aabab"] == [(0, 0), (0, REUSED_TOKENS), (0, 0), (0, 0), (0, 0)]


def test_a_new_dialogue_takes_the_slot_used_longest_ago_but_none_in_use() -> None:
    table = SlotTable(2)
    with table.using("a"):
        assert slot(table, "b")[0] == 1
        assert slot(table, "c")[0] == 1, "slot 0 was used longest ago, but is answering"
    assert slot(table, "d")[0] == 0
