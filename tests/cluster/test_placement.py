"""Who is heard of, and which engine gets a session."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

from engine.cluster.nodes import FORGOTTEN_S, MAX_REPORT_BYTES, SILENT_S, NodeReport, NodeTable, read_report
from engine.cluster.placement import choose


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def report(node: str, free: int = 4, **fields: object) -> NodeReport:
    ready = NodeReport(node, "boot", f"http://{node}", "ready", free, 0, "1")
    return replace(ready, **fields)  # type: ignore[arg-type]


def table(*reports: NodeReport) -> tuple[NodeTable, Clock]:
    clock = Clock()
    nodes = NodeTable(clock)
    for each in reports:
        nodes.take(each)
    return nodes, clock


def test_a_report_is_read_as_it_was_published_and_anything_else_is_ignored() -> None:
    assert read_report(report("a").to_json()) == report("a")
    for other in (
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        report("a").to_json().replace(b"ready", b"asleep"),
        b" " * MAX_REPORT_BYTES + b"{}",
    ):
        assert read_report(other) is None


def test_only_engines_that_are_ready_heard_of_and_have_room_are_given_sessions() -> None:
    nodes, clock = table(report("a"), report("full", 0), report("leaving", state="draining"))
    assert [each.node for each, _ in nodes.ready()] == ["a"]
    clock.now += SILENT_S
    assert nodes.ready() == []
    nodes.take(report("a", 2))
    assert [(each.node, left) for each, left in nodes.ready()] == [("a", 2)]


def test_what_was_placed_counts_until_the_next_report() -> None:
    nodes, _ = table(report("a", 2))
    nodes.placed("a")
    assert nodes.ready()[0][1] == 1
    nodes.placed("a")
    assert nodes.ready() == []
    nodes.take(report("a", 1))
    assert nodes.ready()[0][1] == 1
    nodes.refused("a")
    assert nodes.ready() == []


def test_what_is_not_known_does_not_matter() -> None:
    nodes, _ = table()
    nodes.placed("a")
    nodes.refused("a")
    assert nodes.find("a") is None and nodes.ready() == []


def test_silent_engines_are_listed_for_a_minute() -> None:
    nodes, clock = table(report("b"), report("a"))
    clock.now += SILENT_S
    assert [(each["node"], each["heard_s"]) for each in nodes.listed()] == [("a", 3.0), ("b", 3.0)]
    clock.now += FORGOTTEN_S
    assert nodes.listed() == [] and nodes.find("a") is None


def test_nothing_is_chosen_of_nothing_and_nobody_twice() -> None:
    dice, one = random.Random(1), [(report("a"), 4)]
    assert choose([], dice) is None
    assert choose(one, dice) == report("a")
    assert choose(one, dice, {"a"}) is None


def test_of_two_engines_the_freer_one_is_taken() -> None:
    dice = random.Random(1)
    assert {choose([(report("a"), 1), (report("b"), 5)], dice) for _ in range(20)} == {report("b")}


def test_equal_engines_are_filled_evenly_and_to_the_last_place() -> None:
    nodes, _ = table(*(report(name, 40) for name in "abcd"))
    dice, placed = random.Random(7), Counter[str]()
    for count in range(1, 161):
        chosen = choose(nodes.ready(), dice)
        assert chosen is not None
        nodes.placed(chosen.node)
        placed[chosen.node] += 1
        if count == 80:
            assert all(15 <= each <= 25 for each in placed.values()), placed
    assert set(placed.values()) == {40} and choose(nodes.ready(), dice) is None
