"""Rules and dashboard: they parse, do what they say, and ask only for metrics that there are."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from engine.telemetry import Metrics
from tests.telemetry.promtool import needs_promtool, promtool

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules" / "tutor.yml"
SUFFIXES = ("", "_bucket", "_sum", "_count")
NAME = re.compile(r"\b(?:tutor|process)_[a-z0-9_]+|\btutor:[a-z0-9_:]+")
GPU_ONLY = {"tutor_gpu_memory_bytes", "tutor_gpu_busy_ratio"}
"""Exist only on machines with a GPU."""


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def known_names() -> set[str]:
    """All series an engine can have, and those that rules record."""
    names = {family.name for family in Metrics().registry.collect()} | GPU_ONLY
    names |= {f"{name}_total" for name in names}
    return {name + suffix for name in names for suffix in SUFFIXES} | {rule.get("record", "") for rule in rules()}


def script() -> ModuleType:
    """``scripts/grafana_dashboard.py``."""
    spec = importlib.util.spec_from_file_location("grafana_dashboard", ROOT / "scripts" / "grafana_dashboard.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dashboard_expressions() -> list[str]:
    found = json.loads((ROOT / "deploy/grafana/dashboards/tutor.json").read_text())
    return [target["expr"] for panel in found["panels"] for target in panel.get("targets", ())]


@needs_promtool
def test_rules_do_what_they_say() -> None:
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", "tutor.test.yml", folder=PROMETHEUS)


def test_every_alert_is_tested_and_explained() -> None:
    tested = (PROMETHEUS / "tutor.test.yml").read_text()
    explained = (ROOT / "docs" / "operations.md").read_text()
    for rule in rules():
        if "alert" in rule:
            assert f"alertname: {rule['alert']}" in tested, rule["alert"]
            assert f"`{rule['alert']}`" in explained, rule["alert"]


@pytest.mark.parametrize("expression", [rule["expr"] for rule in rules()])
def test_rules_ask_for_metrics_that_there_are(expression: str) -> None:
    assert set(NAME.findall(expression)) <= known_names()


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    expressions = dashboard_expressions()
    assert len(expressions) > 20
    for expression in expressions:
        names = set(NAME.findall(expression))
        assert names and names <= known_names(), expression


def test_the_dashboard_is_what_its_script_writes() -> None:
    module = script()
    assert module.FILE.read_text() == module.text(), "run scripts/grafana_dashboard.py"


@needs_promtool
def test_every_expression_of_the_dashboard_parses(tmp_path: Path) -> None:
    plain = [each.replace("$__rate_interval", "5m").replace("$instance", ".*") for each in dashboard_expressions()]
    group = {"name": "dashboard", "rules": [{"record": f"panel:{n}", "expr": e} for n, e in enumerate(plain)]}
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [group]}))
    assert f"{len(plain)} rules found" in promtool("check", "rules", str(file))


def test_grafana_finds_the_data_source_that_the_dashboard_names() -> None:
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    assert sources["datasources"][0]["uid"] == script().SOURCE["uid"]
