"""Peers that aiortc cannot close: whatever it raises, nothing is left behind."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.transport.webrtc.webrtc_stage import Stage


def udp_sockets() -> int:
    return len(psutil.Process().net_connections("udp"))


async def test_a_connection_that_cannot_be_closed_is_cleaned_up_all_the_same(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stage.browser() as browser:
        await browser.wait(lambda: len(browser.sounds) > 3)
        peer = stage.session.connections[0]
        before, close, calls = udp_sockets(), peer._connection.close, 0

        async def fail_first() -> None:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise AttributeError("'NoneType' object has no attribute 'stop'")
            await close()

        monkeypatch.setattr(peer._connection, "close", fail_first)
        await peer.close(reason=b"hung up")
        await browser.wait(lambda: udp_sockets() < before)
    assert not stage.session.connections
    assert not stage.api._peers


async def test_an_offer_whose_peer_could_not_be_closed_is_refused_and_leaves_nothing(stage: Stage) -> None:
    sdp = (Path(__file__).parent / "unclosable.sdp").read_bytes().decode()
    before = udp_sockets()
    for _ in range(3):
        status, body, _ = await stage.post(sdp)
        assert 400 <= status < 500, body
    assert not stage.api._peers
    assert udp_sockets() == before
