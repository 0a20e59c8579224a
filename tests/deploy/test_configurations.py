"""What is shipped in ``deploy/``, as the programs that will read it see it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import DEPLOY, ROOT, program

CHART = DEPLOY / "helm" / "talking-tutor"
VARIANTS: list[dict[str, Any]] = [
    {},
    {"replicas": 3, "gpu": {"enabled": True, "runtimeClassName": "nvidia"}, "persistence": {"enabled": True}},
    {"autoscaling": {"kind": "hpa"}, "webrtc": {"publicAddress": "203.0.113.7", "ports": 3}},
    {"autoscaling": {"kind": "keda"}, "ingress": {"enabled": False}, "networkPolicy": {"enabled": False}},
]
KUBERNETES = "1.31"


def checked(*command: str, **options: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, timeout=300, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def manifests(values: dict[str, Any]) -> list[dict[str, Any]]:
    chart = pytest.importorskip("helm_python.chart", reason="helm-python-sdk is not installed (make test-deploy)")
    rendered = chart.Chart.load(str(CHART)).render(values, name="tutor", namespace="school")
    files = [text for name, text in rendered.items() if name.endswith(".yaml")]
    return [document for text in files for document in yaml.safe_load_all(text) if document]


@pytest.mark.parametrize("dockerfile", sorted((DEPLOY / "docker").glob("*Dockerfile")), ids=lambda path: path.name)
def test_hadolint_has_nothing_to_say(dockerfile: Path) -> None:
    checked(program("hadolint"), str(dockerfile))


def test_compose_files_obey_the_specification() -> None:
    files = [str(DEPLOY / name) for name in ("compose.yaml", "compose.gpu.yaml")]
    checked(program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *files)


def test_helm_lint_finds_no_fault() -> None:
    chart = pytest.importorskip("helm_python.chart", reason="helm-python-sdk is not installed (make test-deploy)")
    for values in VARIANTS:
        report = chart.lint(str(CHART), values)
        assert not report["errors"] and all(each["severity"] < 2 for each in report["messages"]), report


@pytest.mark.parametrize("values", VARIANTS, ids=["default", "gpu", "hpa", "keda"])
def test_every_manifest_obeys_kubernetes_schemas(values: dict[str, Any]) -> None:
    kubernetes = pytest.importorskip("kubernetes_validate", reason="not installed (make test-deploy)")
    kinds = []
    for document in manifests(values):
        kinds.append(document["kind"])
        if not document["apiVersion"].startswith("keda"):  # a resource of its own, which Kubernetes has no schema of
            kubernetes.validate(document, KUBERNETES, strict=True)
    assert {"StatefulSet", "Service", "PodDisruptionBudget"} <= set(kinds)


def test_a_pod_has_time_to_drain_and_ports_for_its_peers() -> None:
    (stateful,) = (each for each in manifests(VARIANTS[2]) if each["kind"] == "StatefulSet")
    pod = stateful["spec"]["template"]["spec"]
    (engine,) = pod["containers"]
    environment = {each["name"]: each.get("value") for each in engine["env"]}
    assert pod["terminationGracePeriodSeconds"] > 5 + float(environment["ENGINE_SESSIONS_DRAIN_S"])
    assert environment["ENGINE_WEBRTC_PORTS"] == "40000-40002"
    assert [port["hostPort"] for port in engine["ports"] if port.get("protocol") == "UDP"] == [40000, 40001, 40002]


def test_systemd_accepts_the_unit_and_finds_it_tight(tmp_path: Path) -> None:
    unit = tmp_path / "talking-tutor.service"
    text = (DEPLOY / "systemd" / unit.name).read_text()
    unit.write_text(text.replace("/opt/talking-tutor/bin/talking-tutor", "/bin/true"))
    # It may complain of units of this machine, but not of ours.
    told = subprocess.run([program("systemd-analyze"), "verify", unit], capture_output=True, text=True, timeout=120)
    assert unit.name not in told.stderr, told.stderr
    checked(program("systemd-analyze"), "security", "--offline=true", "--threshold=20", str(unit))


def test_caddy_accepts_its_file() -> None:
    for tls in ("acme", "internal"):
        command = [program("caddy"), "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "caddy/Caddyfile")]
        checked(*command, env={"DOMAIN": "tutor.example.org", "TLS": tls, "HOME": "/tmp"})


def test_prometheus_accepts_its_file() -> None:
    key = "credentials_file"
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert key in config["scrape_configs"][0]["authorization"]
    checked(program("promtool"), "check", "config", "--syntax-only", str(DEPLOY / "prometheus" / "prometheus.yml"))


def test_the_images_hold_every_file_the_page_and_the_engine_need() -> None:
    """What the Dockerfiles copy is not left out by .dockerignore."""
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for dockerfile in (DEPLOY / "docker").glob("*Dockerfile"):
        for line in dockerfile.read_text().splitlines():
            if line.startswith("COPY ") and "--from" not in line:
                for source in line.split()[1:-1]:
                    assert list(ROOT.glob(source)) and source.split("/")[0] in kept, f"{dockerfile.name}: {line}"
