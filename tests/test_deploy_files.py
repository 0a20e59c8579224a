"""What ``deploy/`` says fits the engine: settings that exist, one version, ports and times that agree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import __version__
from engine.settings import Settings, unknown_variables
from engine.settings.groups import SessionSettings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix not in (".png", ".json"))
GRACE_S = float(re.findall(r"^GRACE_S = ([\d.]+)$", (ROOT / "engine" / "app.py").read_text(), re.MULTILINE)[0])
"""Not imported: the engine's life cycle imports torch, and these tests run where there is none."""

OF_THE_WEB_TIER = {"ENGINE_URL", "ENGINE_WEBHOOK_SECRET"}
OF_COMPOSE = {"ENGINE_CPUS", "ENGINE_MEMORY"}


def compose() -> dict[str, Any]:
    """The services of the compose file."""
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return services


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(DEPLOY).as_posix())
def test_every_variable_of_the_engine_is_a_setting(path: Path) -> None:
    named = set(re.findall(r"\bENGINE_[A-Z0-9_]+\b(?!=\w*:)", path.read_text())) - OF_THE_WEB_TIER - OF_COMPOSE
    assert not unknown_variables(dict.fromkeys(named, "x"))


def test_there_is_one_version() -> None:
    chart = yaml.safe_load((DEPLOY / "helm" / "talking-tutor" / "Chart.yaml").read_text())
    assert chart["appVersion"] == __version__
    for dockerfile in (DEPLOY / "docker").glob("*Dockerfile"):
        assert f"ARG VERSION={__version__}\n" in dockerfile.read_text()


def test_compose_opens_the_ports_that_peers_are_given_and_waits_for_the_drain() -> None:
    engine = compose()["engine"]
    assert engine["ports"] == [f"{engine['environment']['ENGINE_WEBRTC_PORTS']}:40000-40099/udp"]
    drain_s = SessionSettings().drain_s
    assert float(engine["stop_grace_period"].removesuffix("s")) > drain_s + GRACE_S
    unit = (DEPLOY / "systemd" / "talking-tutor.service").read_text()
    assert float(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0]) > drain_s + GRACE_S


def test_every_service_is_bounded_and_none_may_write_its_root_or_gain_rights() -> None:
    for name, service in compose().items():
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}, name
        assert service["read_only"] and service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_only_what_students_need_is_open_to_the_outside() -> None:
    opened = {port for service in compose().values() for port in service.get("ports", [])}
    outside = {port for port in opened if not port.startswith("127.0.0.1:")}
    assert outside == {"80:80", "443:443", "40000-40099:40000-40099/udp"}


def test_images_run_as_somebody_else_than_root_and_say_whether_they_live() -> None:
    for dockerfile in (DEPLOY / "docker").glob("*Dockerfile"):
        last = dockerfile.read_text().rpartition("\nFROM ")[2]
        assert "\nUSER 10001:10001\n" in last and "\nHEALTHCHECK " in last
        assert "org.opencontainers.image.licenses=" in last


def test_the_engine_image_listens_where_the_check_asks_and_needs_a_key() -> None:
    text = (DEPLOY / "docker" / "Dockerfile").read_text()
    assert f"127.0.0.1:{Settings().port}/health" in text and f"EXPOSE {Settings().port}/tcp" in text
    assert "ENGINE_HOST=0.0.0.0" in text and "ENGINE_ALLOW_ANONYMOUS" not in text


def test_the_web_image_has_what_is_asked_for_in_the_versions_of_the_other_locks() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^([\w.-]+==\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    image = pins("lock-web-image.txt")
    assert image <= pins("lock.txt") | pins("lock-web.txt") | pins("lock-postgres.txt")
    asked = (ROOT / "requirements" / "web-image.txt").read_text().splitlines()
    names = {pin.partition("==")[0] for pin in image}
    assert {line.partition("[")[0].lower() for line in asked if line and not line.startswith("#")} <= names
    assert not names & {"torch", "numpy", "onnxruntime"}
