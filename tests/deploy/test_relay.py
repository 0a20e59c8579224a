"""coturn takes the engine's short-lived passwords and no others, as its own client sees it."""

from __future__ import annotations

import subprocess
import time

import pytest

from engine.transport.webrtc.ice import turn_credentials
from tests.deploy.conftest import TURN_SECRET, Relay, program


def relayed(relay: Relay, user: str, password: str, transport: str = "udp") -> str:
    """What coturn's client says after it has sent some messages to itself by the relay."""
    command = [
        program("turnutils_uclient"), "-u", user, "-w", password, "-p", str(relay.port), "-y", "-c", "-n", "5",
        "-m", "1", *(["-t"] if transport == "tcp" else []), relay.address,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_password_of_the_engine_opens_the_relay(relay: Relay, transport: str) -> None:
    user, password = turn_credentials(TURN_SECRET, "session", int(time.time()) + 600)
    said = relayed(relay, user, password, transport)
    assert "Total lost packets 0 (0.000000%)" in said, said


@pytest.mark.parametrize(("secret", "life_s"), [("another secret", 600), (TURN_SECRET, -60)], ids=["forged", "expired"])
def test_forged_and_expired_passwords_do_not(relay: Relay, secret: str, life_s: int) -> None:
    said = relayed(relay, *turn_credentials(secret, "session", int(time.time()) + life_s))
    assert "Total lost packets 0 (0.000000%)" not in said
    assert "Unauthorized" in said or "Cannot complete Allocation" in said, said
