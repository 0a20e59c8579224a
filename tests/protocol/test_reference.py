"""The protocol's page, the page's types and ``/openapi.json`` say what the models say."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from engine.transport.api.openapi import description
from engine.transport.webrtc import PATHS as WEBRTC_PATHS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("protocol_reference", ROOT / "scripts/protocol_reference.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_types_of_the_page_are_those_of_the_models(reference: ModuleType) -> None:
    assert reference.TYPES.read_text() == reference.type_definitions(), "run scripts/protocol_reference.py"


def test_the_tables_of_the_documentation_are_those_of_the_models(reference: ModuleType) -> None:
    text = reference.PAGE.read_text()
    assert reference.page(text) == text, "run scripts/protocol_reference.py"


def test_every_field_has_a_description_or_speaks_for_itself(reference: ModuleType) -> None:
    plain = {"type", "role", "content", "stream", "reason", "message", "video_mime", "audio_mime", "text", "words"}
    for model in (*reference.CLIENT, *reference.SERVER):
        for name, field in model.model_fields.items():
            assert field.description or name in plain or name.endswith("_ms"), f"{model.__name__}.{name}"


def test_the_page_handles_no_message_the_engine_does_not_send(reference: ModuleType) -> None:
    known = {model.model_fields["type"].default for model in reference.SERVER}
    for name in ("client.js", "websocket-link.js", "webrtc-link.js"):
        script = (ROOT / "engine/web" / name).read_text()
        switches = re.findall(r"switch \(message\.type\) \{(.*?)\n    \}", script, re.DOTALL)
        handled = {kind for body in switches for kind in re.findall(r'case "(\w+)"', body)}
        handled |= set(re.findall(r'message\.type === "(\w+)"', script))
        assert handled and handled <= known, name


def test_every_schema_openapi_refers_to_is_there() -> None:
    document = description("1", WEBRTC_PATHS)
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(document)))
    assert named <= set(document["components"]["schemas"])
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answer = next(iter(operation["responses"].values()))
            described = answer.get("content", {}).get("application/json")
            unlike = ("/openapi.json", "/ws/ws/{session_id}")
            assert described is None or "schema" in described or path in unlike, (method, path)
