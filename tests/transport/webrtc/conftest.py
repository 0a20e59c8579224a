"""The stage for each test: see ``webrtc_stage``."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.transport.webrtc.webrtc_stage import Stage, open_stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as opened:
        yield opened
