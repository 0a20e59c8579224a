"""A base's file may be replaced while others open it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from engine.knowledge.base import Base, DamagedBase, remove

ROUNDS = 150


def test_a_base_is_replaced_while_others_open_it(tmp_path: Path) -> None:
    file = tmp_path / "school.db"

    def writer() -> int:
        for _ in range(ROUNDS):
            with Base(file, "m") as base:
                assert base.counts() == (0, 0)
            remove(file)
        return ROUNDS

    def reader() -> int:
        opened = 0
        while not done:
            try:
                with Base(file, "m", create=False) as base:
                    assert base.counts() == (0, 0)
                    opened += 1
            except DamagedBase as error:  # not there at the moment; anything else is a fault
                assert "cannot be opened" in error.message
        return opened

    done: list[bool] = []
    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(reader) for _ in range(2)]
        try:
            assert pool.submit(writer).result() == ROUNDS
        finally:
            done.append(True)
        for each in readers:
            each.result()
