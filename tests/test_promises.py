"""Whatever can be configured, sent, received or measured is used by the engine: nothing is declared for show.

Reads the source of ``engine/``. A setting, profile field or incoming message field must be read outside the
file that declares it; an outgoing one must be set where its message is made, a metric where something happens.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_origin

import pytest
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel

from engine.protocol import incoming, outgoing
from engine.settings import Settings
from engine.settings.names import settings_of
from engine.telemetry import Metrics
from engine.tutors.profile import TutorProfile
from tests.engine_source import nodes, sources

ROOT = Path(__file__).parents[1]

KNOWN_UNKEPT: set[str] = set()
"""Promises that are not kept yet. Only ever shrinks."""

METRIC_CALLS = {"inc", "dec", "set", "observe", "labels", "set_function"}


@dataclass(frozen=True)
class Facts:
    """What the source says."""

    reads: frozenset[tuple[str, tuple[str, ...]]]
    """File and attribute chain: ``a.b.c`` is ``("a", "b", "c")``."""

    arguments: frozenset[tuple[str, str]]
    """Function and keyword argument of a call."""

    keys: frozenset[str]
    """Constant keys of dicts that are made or filled."""

    def without(self, name: str) -> Facts:
        """As if nobody used ``name`` any more."""
        return Facts(
            frozenset((file, chain) for file, chain in self.reads if name not in chain),
            frozenset(pair for pair in self.arguments if pair[1] != name),
            self.keys - {name},
        )

    def chains(self, *, outside: str = "") -> set[tuple[str, ...]]:
        return {chain for file, chain in self.reads if not outside or not file.startswith(outside)}


@cache
def facts() -> Facts:
    """Of all of ``engine/``."""
    reads: set[tuple[str, tuple[str, ...]]] = set()
    arguments: set[tuple[str, str]] = set()
    keys: set[str] = set()
    for file, source in sources().items():
        for node in nodes(source):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                reads.add((file, chain(node)))
            elif isinstance(node, ast.MatchClass):  # case TextMessage(content=...)
                reads.update((file, ("message", name)) for name in node.kwd_attrs)
            elif isinstance(node, ast.Call):
                arguments.update((chain(node.func)[-1], each.arg) for each in node.keywords if each.arg)
            elif isinstance(node, ast.Dict):
                keys.update(name for key in node.keys if (name := constant_name(key)))
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                keys.update(name for name in [constant_name(node.slice)] if name)
    return Facts(frozenset(reads), frozenset(arguments), frozenset(keys))


def constant_name(key: ast.expr | None) -> str | None:
    """The key of a dict where it is a text in the source."""
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def chain(node: ast.expr) -> tuple[str, ...]:
    if isinstance(node, ast.Attribute):
        return (*chain(node.value), node.attr)
    return (node.id,) if isinstance(node, ast.Name) else ("",)


def unread_settings(found: Facts) -> Iterator[str]:
    """A setting is read as ``….group.name``, or by ``name`` alone where its group is handed on as a whole."""
    handed_on = {"listening", "vad", "endpoint", "barge_in", "safety", "lessons", "tracing", "usage"}
    outside = found.chains(outside="settings/")
    inside = {chain for file, chain in found.reads if file in ("settings/listening.py", "settings/model.py")}
    read: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for found_chain in outside | {chain for chain in inside if chain[0] == "self"}:
        read[found_chain[-1]].append(found_chain)
    for setting in settings_of(Settings):
        group, name = ("settings", *setting.path)[-2:]
        if not any(group in c or group in handed_on or c[0] == "self" for c in read[name]):
            yield f"setting {setting.dotted}"


def unread_fields(found: Facts, kind: str, model: type[BaseModel], declared_in: str) -> Iterator[str]:
    """A field is read as an attribute outside its file, or by a method of its own class."""
    own = {chain[1] for file, chain in found.reads if file == declared_in and chain[0] == "self" and len(chain) > 1}
    # A message is called so wherever it is handled, which tells its fields from other things of the same name.
    owners = {"message", "command", "form", "offer"} if kind == "incoming" else None
    read = {c[-1] for c in found.chains(outside=declared_in) if owners is None or owners & set(c[:-1])} | own
    for name in model.model_fields.keys() - read:
        yield f"{kind} {model.__name__}.{name}"


def unset_fields(found: Facts) -> Iterator[str]:
    """A field without a fixed value must be given where the message is made."""
    anywhere = {argument for _, argument in found.arguments} | found.keys
    for model in messages(outgoing):
        for name, field in model.model_fields.items():
            fixed = get_origin(field.annotation) is Literal and not field.is_required()
            if not fixed and (model.__name__, name) not in found.arguments and name not in anywhere:
                yield f"outgoing {model.__name__}.{name}"


def unset_metrics(found: Facts) -> Iterator[str]:
    set_somewhere = {c[-2] for c in found.chains() if len(c) > 1 and c[-1] in METRIC_CALLS}
    for name, value in vars(Metrics()).items():
        if isinstance(value, MetricWrapperBase) and name not in set_somewhere:
            yield f"metric {name}"


def messages(module: Any) -> list[type[BaseModel]]:
    return [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == module.__name__
    ]


@cache
def unkept(found: Facts) -> set[str]:
    promises = {*unread_settings(found), *unset_fields(found), *unset_metrics(found)}
    promises |= {*unread_fields(found, "profile", TutorProfile, "tutors/profile.py")}
    for model in messages(incoming):
        promises |= {*unread_fields(found, "incoming", model, "protocol/incoming.py")}
        promises -= {f"incoming {model.__name__}.type"}  # decides which class a message becomes
    return promises


def test_every_promise_is_kept() -> None:
    assert unkept(facts()) - KNOWN_UNKEPT == set()


PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_settings_as_they_are_called_today(page: Path) -> None:
    named = set(re.findall(r"\bENGINE_[A-Z_]+\b", page.read_text()))
    assert named <= {setting.variable for setting in settings_of(Settings)} | {"ENGINE_CONFIG"}


def test_no_promise_is_excused_that_is_kept() -> None:
    assert KNOWN_UNKEPT - unkept(facts()) == set()


@pytest.mark.parametrize(
    ("name", "promise"),
    [
        ("slow_client_s", "setting sessions.slow_client_s"),
        ("ceiling_ms", "setting listening.endpoint.ceiling_ms"),
        ("llm_temperature", "profile TutorProfile.llm_temperature"),
        ("position_ms", "incoming PlaybackMessage.position_ms"),
        ("idle_url", "outgoing ReadyEvent.idle_url"),
        ("loop_lag", "metric loop_lag"),
    ],
)
def test_a_promise_that_nobody_keeps_any_more_is_noticed(name: str, promise: str) -> None:
    assert promise in unkept(facts().without(name)) - unkept(facts())
