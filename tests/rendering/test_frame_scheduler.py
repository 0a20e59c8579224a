"""The scheduler's shell: what it asks of a renderer, and when."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from engine.contracts import AvatarInfo, FrameRequest
from engine.items import AnimatedFrame, Picture
from engine.rendering.scheduler import FrameScheduler
from engine.telemetry import Metrics

PICTURE = Picture(np.zeros((3, 2), np.uint8), 2, 2)
AVATAR: Any = SimpleNamespace(id="fake", name="Fake", size=(2, 2))


class Notebook:
    """A renderer that notes what is asked of it, and draws when it is let."""

    name = "notebook"
    batch_sizes: Sequence[int] = (1, 2, 4)

    def __init__(self) -> None:
        self.notes: list[tuple[str, str]] = []
        self.may_draw = threading.Event()
        self.drawing = threading.Event()
        self.threads: set[str] = set()

    def warm_up(self) -> dict[int, float]:
        return {}

    def load(self, avatar_id: str, edge: int | None = None) -> Any:
        return AVATAR

    def list_avatars(self) -> Sequence[AvatarInfo]:
        return []

    def audio_features(self) -> None:
        """None: drawn without sound."""

    def forget(self, avatar_id: str) -> None:
        """Nothing is kept."""

    def render(self, requests: Sequence[FrameRequest]) -> list[Picture]:
        self.drawing.set()
        self.may_draw.wait(30)
        self.threads.add(threading.current_thread().name)
        self.notes += [("drawn", request.session) for request in requests]
        return [PICTURE] * len(requests)

    def end_session(self, session: str) -> None:
        self.threads.add(threading.current_thread().name)
        self.notes.append(("forgotten", session))

    def close(self) -> None:
        """Nothing to close."""


def request(session: str, index: int = 0) -> FrameRequest:
    frame = AnimatedFrame(index, np.zeros(960, np.float32), np.zeros(1, np.float32), speaking=False)
    return FrameRequest(AVATAR, frame, 0.0, session)


async def test_a_session_is_forgotten_after_its_last_picture_and_in_the_renderers_thread() -> None:
    renderer = Notebook()
    async with FrameScheduler(renderer, Metrics()).running() as scheduler:
        # A batch that has begun is drawn to its end, whoever is still there to see it.
        last = asyncio.create_task(scheduler.render([request("gone")]))
        await asyncio.to_thread(renderer.drawing.wait)
        last.cancel()
        scheduler.end_session("gone")
        renderer.may_draw.set()
        await scheduler.render([request("living")])
    assert renderer.notes == [("drawn", "gone"), ("forgotten", "gone"), ("drawn", "living")]
    assert len(renderer.threads) == 1


async def test_sessions_are_forgotten_while_nothing_is_drawn() -> None:
    renderer = Notebook()
    async with FrameScheduler(renderer, Metrics()).running() as scheduler:
        await asyncio.sleep(0)
        for session in ("one", "two"):
            scheduler.end_session(session)
        async with asyncio.timeout(30):
            while len(renderer.notes) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert sorted(renderer.notes) == [("forgotten", "one"), ("forgotten", "two")]


async def test_an_overloaded_renderer_is_asked_for_fewer_pictures_and_they_are_counted() -> None:
    renderer, metrics = Notebook(), Metrics()
    renderer.may_draw.set()
    async with FrameScheduler(renderer, metrics).running() as scheduler:
        scheduler.frame_dropping.every = 2
        offered = await scheduler.offer([request("one", index) for index in range(5)])
        whole = await scheduler.render([request("clip", index) for index in range(5)])
    assert [picture is None for picture in offered] == [False, True, False, True, False]
    assert whole == [PICTURE] * 5, "a clip has no clock to be late for"
    assert [session for _, session in renderer.notes] == ["one"] * 3 + ["clip"] * 5
    assert 'tutor_frames_total{what="repeated"} 2.0' in metrics.render().decode()
