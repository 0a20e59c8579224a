"""Who gets larger pictures: a client that shows them large, on a machine with time to spare."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from engine.settings import Settings
from engine.transport.commands import session_avatar
from engine.transport.picture_size import video_bitrate


class Inline:
    """A ``Worker`` that computes where it is called."""

    async def run(self, function: Any, *args: Any) -> Any:
        return function(*args)


def session(busy: float = 0.0, **video: Any) -> Any:
    """A session whose avatars tell the edge they were loaded with."""
    return SimpleNamespace(
        conversation=SimpleNamespace(profile=SimpleNamespace(id="1", avatar="maya")),
        parts=SimpleNamespace(
            settings=Settings(video=video),
            drawing_share=lambda now: busy,
            encoder=Inline(),
            load_avatar=lambda avatar_id, edge=None: (avatar_id, edge),
        ),
    )


async def loaded(talk: Any, named: str | None, shown_px: int | None) -> Any:
    return await session_avatar(talk, named, shown_px)


@pytest.mark.parametrize(
    ("shown_px", "busy", "large_size", "edge"),
    [
        (None, 0.0, 768, None),
        (390, 0.0, 768, None),
        (613, 0.0, 768, None),
        (615, 0.0, 768, 768),
        (1600, 0.0, 768, 768),
        (1600, 0.39, 768, 768),
        (1600, 0.5, 768, None),
        (1600, 0.0, 512, None),
    ],
)
async def test_large_pictures_are_for_large_windows_and_machines_with_time(
    shown_px: int | None, busy: float, large_size: int, edge: int | None
) -> None:
    talk = session(busy, large_size=large_size)
    assert await loaded(talk, None, shown_px) == ("maya", edge)
    assert await loaded(talk, "lin", shown_px) == ("lin", edge)


@pytest.mark.parametrize(("cores", "edge"), [(1, None), (2, None), (4, 768), (64, 768)])
async def test_without_a_setting_the_number_of_cores_decides(
    monkeypatch: pytest.MonkeyPatch, cores: int, edge: int | None
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(cores)))
    assert await loaded(session(), None, 2000) == ("maya", edge)


def test_larger_pictures_have_as_many_bits_for_each_pixel() -> None:
    video = Settings().video
    assert [video_bitrate(video, edge) for edge in (256, 512, 768)] == [800_000, 800_000, 1_800_000]
