"""What one endpoint takes of a chat request, learned from what it refuses. Pure.

OpenAI-compatible servers differ: reasoning models refuse ``max_tokens`` and ``temperature``, the chat templates of
Mistral and Gemma want user and assistant to alternate and know no system role, strict servers refuse fields they do
not know. A ``Dialect`` is a value: ``adapted`` gives another one to try, and the client keeps it when it works.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from engine.contracts import Message
from engine.llm.chunks import ServerError

Thinking = Literal["off", "on"]

REFUSED = frozenset({400, 413, 422, 500, 501})
"""HTTP statuses of a refused request. llama.cpp answers 500 when a chat template does not take the roles."""

THINKING_TOKENS = 2048
"""Allowed for thinking beside the answer, where the model thinks: servers count both. A judgement."""

FIRST_WORDS = "Hello."
"""Stands for the student where the tutor spoke first and the endpoint wants the user to begin."""

_TOO_LONG = re.compile(
    r"context.{0,20}(?:length|window|size|limit|overflow)|maximum.{0,20}(?:context|prompt|input|sequence)|n_ctx"
    r"|(?:prompt|input|request|message|conversation)s?\b.{0,40}\b(?:too (?:long|large|big|many)|exceed)"
    r"|too many (?:input )?tokens|(?:exceed|longer than).{0,60}(?:context|token|model.s|max(?:imum)?.{0,10}len)"
    r"|reduce the length|token limit|max_model_len|max_seq_len|max_input_tokens",
    re.I | re.S,
)
_ALTERNATE = re.compile(
    r"alternat|consecutive.{0,30}(?:role|message|user|assistant)|(?:role|message|conversation)s?.{0,60}"
    r"(?:must|should|expected|has to).{0,40}(?:user|assistant|start|begin|follow)"
    r"|(?:first|second|last|after).{0,60}(?:message|role|user|assistant|system).{0,60}(?:must|should|be|expected)"
    r"|expected.{0,20}role|unexpected role|same role",
    re.I | re.S,
)
_SYSTEM = re.compile(
    r"system.{0,30}(?:not|n't|un|never|in)[ -]?(?:be )?(?:supported|allowed|accepted|permitted|support|valid)"
    r"|(?:not|n't|un|in)[ -]?(?:supported?|valid|known|allowed|accept).{0,40}system"
    r"|only (?:the )?['\"`]?user['\"`]?.{0,30}roles?",
    re.I | re.S,
)
_VALUES = re.compile(r"(?:supported|allowed|valid|permitted|expected|one of).{0,60}", re.I | re.S)

OPTIONAL = (
    "temperature",
    "stream_options",
    "max_completion_tokens",
    "max_tokens",
    "chat_template_kwargs",
    "reasoning_effort",
)
"""Fields an endpoint may refuse; in an error, the longer of two names is looked for first."""

EFFORTS = ("none", "minimal", "low")
"""Values of ``reasoning_effort`` that ask for least thinking, best first."""

_ALIASES = {
    "chat_template_kwargs": ("chat_template_kwargs", "chat_template", "enable_thinking"),
    "reasoning_effort": ("reasoning_effort", "reasoning.effort"),
    "stream_options": ("stream_options", "include_usage"),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the engine would like to send."""

    model: str
    messages: Sequence[Message]
    max_tokens: int
    temperature: float
    extra: dict[str, Any] = field(default_factory=dict)
    """Further fields for this kind of server."""

    thinking: Thinking = "off"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to ask one endpoint."""

    dropped: frozenset[str] = frozenset()
    """Fields it refuses."""

    completion_tokens: bool = False
    """It wants ``max_completion_tokens`` in place of ``max_tokens``."""

    effort: str = EFFORTS[0]
    alternating: bool = False
    no_system: bool = False
    plain: bool = False
    """Nothing but model, messages and the limit of tokens, for an endpoint whose refusal was not understood."""

    thinks: bool = False
    """It was seen thinking: the answer needs more tokens."""

    unopened: bool = False
    """Its thinking comes as text, without an opening tag."""

    def body(self, wish: Wish) -> dict[str, Any]:
        """The JSON to send."""
        limit = wish.max_tokens + (THINKING_TOKENS if self.thinks or wish.thinking == "on" else 0)
        body: dict[str, Any] = {"model": wish.model, "messages": self.messages(wish.messages), "stream": True}
        optional: dict[str, Any] = {
            "max_completion_tokens" if self.completion_tokens else "max_tokens": limit,
            "temperature": wish.temperature,
            "stream_options": {"include_usage": True},
            **wish.extra,
        }
        if wish.thinking == "off":
            optional["chat_template_kwargs"] = {"enable_thinking": False}
            optional["reasoning_effort"] = self.effort
        if self.plain:
            optional = {name: value for name, value in optional.items() if name.startswith("max_")}
        return body | {name: value for name, value in optional.items() if name not in self.dropped}

    def messages(self, messages: Sequence[Message]) -> list[Message]:
        """``messages`` with the roles this endpoint takes."""
        taken = list(messages)
        if self.no_system:
            taken = _fold_system(taken)
        return _alternate(taken) if self.alternating else taken

    def adapted(self, error: ServerError, status: int, wish: Wish) -> Dialect | None:
        """The dialect to try after ``error``; None when another one would not help.

        Args:
            error: what the endpoint said.
            status: the HTTP status of its answer.
            wish: what it was asked, in this dialect.
        """
        if status not in REFUSED or too_long(error, status):
            return None
        sent = self.body(wish)
        has_system = any(message["role"] == "system" for message in sent["messages"])
        if has_system and _SYSTEM.search(error.reason):
            return replace(self, no_system=True)
        if not self.alternating and _ALTERNATE.search(error.reason):
            return replace(self, alternating=True)
        if (fields := self._without(error.reason, sent)) != self:
            return fields
        if status in (400, 422) and not self.plain:
            return replace(self, plain=True, alternating=True, no_system=True)
        return None

    def _without(self, reason: str, sent: dict[str, Any]) -> Dialect:
        """Without the fields that ``reason`` names."""
        dialect = self
        named = [name for name in (*OPTIONAL, *sent) if name in sent and _names(reason, name)]
        for name in named:
            if name in ("model", "messages", "stream"):
                continue
            if name == "max_tokens" and not self.completion_tokens:
                dialect = replace(dialect, completion_tokens=True)
            elif name == "reasoning_effort" and (effort := _other_effort(reason, self.effort)):
                dialect = replace(dialect, effort=effort)
            else:
                dialect = replace(dialect, dropped=dialect.dropped | {name})
        return dialect

    def difference(self, before: Dialect) -> str:
        """What it does that ``before`` did not, for a log line."""
        changes = [f"without {name}" for name in sorted(self.dropped - before.dropped)]
        changes += [
            text
            for flag, text in (
                ("completion_tokens", "max_completion_tokens in place of max_tokens"),
                ("alternating", "roles that alternate, the student first"),
                ("no_system", "the system prompt inside the first user message"),
                ("plain", "no optional field"),
            )
            if getattr(self, flag) and not getattr(before, flag)
        ]
        if self.effort != before.effort:
            changes.append(f"reasoning_effort {self.effort}")
        return ", ".join(changes)


def too_long(error: ServerError, status: int) -> bool:
    """Whether the prompt did not fit the model's window."""
    return status == 413 or (status in REFUSED and _TOO_LONG.search(error.reason) is not None)


def shortened(messages: Sequence[Message]) -> list[Message]:
    """Rules and question with the newer half of what stands between them."""
    rules = 1 if messages and messages[0]["role"] == "system" else 0
    between = list(messages[rules:-1])
    kept = between[(len(between) + 1) // 2 :]
    while kept and kept[0]["role"] == "assistant":
        kept = kept[1:]
    return [*messages[:rules], *kept, *messages[-1:]]


def _names(reason: str, name: str) -> bool:
    return any(re.search(rf"(?<![\w]){re.escape(each)}(?![\w])", reason) for each in _ALIASES.get(name, (name,)))


def _other_effort(reason: str, refused: str) -> str | None:
    """The least effort among the values that the endpoint says it takes."""
    values = " ".join(_VALUES.findall(reason))
    return next((e for e in EFFORTS if e != refused and re.search(rf"\b{e}\b", values)), None)


def _fold_system(messages: list[Message]) -> list[Message]:
    """The system prompt at the head of the first user message."""
    rules = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    rest = [m for m in messages if m["role"] != "system"]
    for index, message in enumerate(rest):
        if rules and message["role"] == "user":
            rest[index] = {"role": "user", "content": f"{rules}\n\n{message['content']}"}
            break
    return rest


def _alternate(messages: list[Message]) -> list[Message]:
    """Neighbours of one role in one message, and the user first."""
    joined: list[Message] = []
    for message in messages:
        opens = not joined or joined[-1]["role"] == "system"
        if opens and message["role"] == "assistant":
            joined.append({"role": "user", "content": FIRST_WORDS})
        if joined and joined[-1]["role"] == message["role"]:
            joined[-1] = {"role": message["role"], "content": f"{joined[-1]['content']}\n\n{message['content']}"}
        else:
            joined.append(message)
    return joined
