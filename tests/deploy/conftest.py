"""Debian's own programs with the configurations of ``deploy/``: a web server with TLS, a TURN relay, PostgreSQL.

``make test-deploy`` installs them; a test is skipped where one is missing. What they write goes to ``artefacts/``.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.browser.conftest import ARTEFACTS, answers, browse, free_port, no_leaked_tasks, no_leaked_threads_or_sockets
from tests.browser.conftest import silence as silence

__all__ = ["browse", "no_leaked_tasks", "no_leaked_threads_or_sockets"]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
START_S = 900
POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), Path("/nowhere"))
"""Debian keeps PostgreSQL's servers out of the way."""

TURN_SECRET = "a secret that only coturn and the engine know"


def program(name: str) -> str:
    """Where it is; without it the test is skipped."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:{POSTGRES}")
    if found is None:
        pytest.skip(f"{name} is not installed (make test-deploy installs it)")
    return found


def own_address() -> str:
    """This machine's address; browsers gather no candidates on loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])
    return "127.0.0.1"


@contextlib.contextmanager
def running(name: str, command: list[str], ready: Callable[[], bool], **environment: str) -> Iterator[None]:
    """Runs a program until the block ends, from the moment that ``ready``."""
    ARTEFACTS.mkdir(exist_ok=True)
    with (ARTEFACTS / f"{name}.log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", env={**os.environ, **environment})
        try:
            deadline = time.monotonic() + START_S
            while not ready():
                assert child.poll() is None, f"{name} ended: {Path(log.name).read_text()[-2000:]}"
                assert time.monotonic() < deadline, f"{name} is not ready after {START_S} s"
                time.sleep(0.1)
            yield
        finally:
            child.terminate()
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def opened(port: int, address: str = "127.0.0.1") -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), 2):
        return True
    return False


@pytest.fixture(scope="session")
def tls_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``fullchain.pem`` and ``privkey.pem`` of a certificate for ``localhost`` that nobody else trusts."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@dataclass(frozen=True)
class Relay:
    """coturn, which relays to this machine only."""

    address: str
    port: int


@pytest.fixture(scope="session")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    address, port = own_address(), free_port()
    pid = tmp_path_factory.mktemp("coturn") / "turnserver.pid"
    command = [
        program("turnserver"), "-c", str(DEPLOY / "coturn" / "turnserver.conf"), "--realm=tutor.example",
        f"--static-auth-secret={TURN_SECRET}", f"--listening-port={port}", "--no-tls", "--no-dtls",
        f"--listening-ip={address}", f"--relay-ip={address}", f"--allowed-peer-ip={address}", f"--pidfile={pid}",
    ]  # fmt: skip
    with running("coturn", command, lambda: opened(port, address)):
        yield Relay(address, port)


@dataclass(frozen=True)
class Ports:
    """Where the parts of a school are on this machine."""

    http: int
    https: int
    engine: int
    inside: int


@pytest.fixture(scope="session")
def ports() -> Ports:
    return Ports(*(free_port() for _ in range(4)))


@pytest.fixture(scope="session")
def engine_behind(ports: Ports, relay: Relay) -> Iterator[None]:
    """An engine that students reach as https://localhost/engine/, through a proxy on this machine."""
    command = [
        sys.executable, str(ROOT / "run_engine.py"), "--port", str(ports.engine), "--public-url", f"https://localhost:{ports.https}/engine",
        "--trusted-proxies", "127.0.0.1", "--llm-max-tokens", "40", "--video-size", "256",
        "--asr-model", "whisper-tiny.en", "--sessions-admission", "fixed",
        "--webrtc-ice-servers", f"turn:{relay.address}:{relay.port}?transport=udp",
        "--webrtc-turn-secret", TURN_SECRET,
    ]  # fmt: skip
    with running("engine-behind", command, lambda: answers(f"http://127.0.0.1:{ports.engine}/ready")):
        yield
