"""A renderer whose avatars are loaded once, and poses by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from engine.animation.pose import CHANNEL, rest_pose
from engine.contracts import FrameRequest
from engine.items import AnimatedFrame, FloatArray, Picture
from engine.rendering.puppet.renderer import PuppetRenderer
from tests.torch_threads import one_torch_thread

SIZE = 256

Draw = Callable[..., Picture]
RequestFor = Callable[..., FrameRequest]


def make_pose(**channels: float) -> FloatArray:
    pose = rest_pose()
    for name, value in channels.items():
        pose[CHANNEL[name]] = value
    return pose


@pytest.fixture(scope="session")
def renderer() -> Iterator[PuppetRenderer]:
    with one_torch_thread():
        made = PuppetRenderer(size=SIZE)
        yield made
        made.close()


@pytest.fixture(scope="session")
def request_for(renderer: PuppetRenderer) -> RequestFor:
    def build(avatar_id: str = "avatar_tutor_13", session: str = "s", **channels: float) -> FrameRequest:
        frame = AnimatedFrame(index=0, pcm=np.zeros(960, np.float32), pose=make_pose(**channels), speaking=True)
        return FrameRequest(avatar=renderer.load(avatar_id), frame=frame, deadline=0.0, session=session)

    return build


@pytest.fixture(scope="session")
def draw(renderer: PuppetRenderer, request_for: RequestFor) -> Draw:
    """Draw one picture: ``draw(avatar_id, session=..., jaw_open=0.5)``."""

    def one(avatar_id: str = "avatar_tutor_13", session: str = "s", **channels: float) -> Picture:
        return renderer.render([request_for(avatar_id, session, **channels)])[0]

    return one
