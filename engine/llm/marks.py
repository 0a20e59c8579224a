"""What chat templates and thinking models leave in the text of an answer. Patterns only; pure.

Collected from the chat templates of Llama 2 to 4, Mistral and Magistral, Qwen, Gemma, Phi, DeepSeek, Kimi, Seed-OSS,
Command R and gpt-oss (the "harmony" format).
"""

from __future__ import annotations

import re

_TAGS = r"think|thinking|thought|reasoning|reflection|analysis|seed:think"
_TOOLS = r"tool_call|tool_calls|function_call|function|tool_code"

MARK = re.compile(
    rf"(?P<open><(?P<tag>(?i:{_TAGS}))(?:\s[^<>]{{0,80}})?>|\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|START_THINKING\|>|<\|channel>thought)"
    rf"|(?P<close></(?i:{_TAGS})>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>|<channel\|>)"
    rf"|(?P<tool><(?P<tool_tag>{_TOOLS})(?:[=\s][^<>]{{0,80}})?>|\[TOOL_CALLS\]|<\|python_tag\|>|<\|tool_calls?_begin\|>)"
    r"|(?P<header><\|(?:channel|start)\|>)"
    r"|(?P<final><\|message\|>|</?(?:answer|final_answer|response)>|<\|(?:begin_of_solution|START_RESPONSE|START_TEXT)\|>)"
    r"|(?P<begin>(?:<\|(?:im_start|start_header_id|begin_of_text|assistant|START_OF_TURN_TOKEN|CHATBOT_TOKEN)\|>"
    r"|<start_of_turn>|<s>|<bos>|<\|turn>|\[INST\]))"
    r"|(?P<end></s>|</?end_of_turn>|<end_of_utterance>|<eos>|<pad>|<unk>|<turn\|>|\[/?INST\]|<</?SYS>>"
    r"|<[|｜][A-Za-z_][\w▁:. -]{1,48}[|｜]>|</?(?:assistant|user|human)>|\n(?:User|Human|USER|HUMAN):)"
)
"""Any mark. A mark of the kind ``begin`` opens an answer, and ends one that has begun already."""

TAIL = re.compile(
    r"(?:<(?:/|[|｜])?[\w▁:. |｜-]{0,60}|<\|channel>\w{0,7}|</?[\w:]{0,20}"
    r"|<(?:function|tool_call|(?i:thin|thou|rea|refl))\w*[=\s][^<>]{0,80}"
    r"|\[/?[A-Z_]{0,12}|◁/?[a-z]{0,6}|<<?/?[A-Z]{0,4}|\n(?:U(?:s(?:e(?:r)?)?)?|H(?:u(?:m(?:a(?:n)?)?)?)?|U[SER]{0,3}"
    r"|H[UMAN]{0,4})?)\Z"
)
"""What may become a mark when more text arrives, at the end of a text."""

THOUGHT_END = re.compile(MARK.pattern[MARK.pattern.index("(?P<close>") :].split("|(?P<tool>")[0])
TOOL_END = re.compile(rf"</(?:{_TOOLS})>|<\|tool_calls?_end\|>")
CHANNEL_END = re.compile(r"<\|(?:end|return|call)\|>|(?=<\|(?:start|channel)\|>)")

ROLE = re.compile(r"\s*(?:assistant|model)\b(?:<\|end_header_id\|>|<\|CHATBOT_TOKEN\|>)?\s*", re.I)
"""Behind a mark that opens an answer."""

ROLE_PREFIX = re.compile(r"\s*\**(?:assistant|tutor|model|bot|ai)\**\s*[:：]\**[ \t]*", re.I)
"""A transcript's "Assistant: " before an answer."""

_PREFIX_WORDS = ("assistant", "tutor", "model", "bot", "ai")

STRIPPED_HARMONY = re.compile(r"analysis(?=[A-Z])")
"""A server that strips the marks of harmony and keeps the names of the channels."""

STRIPPED_HARMONY_END = re.compile(r"assistant(?:commentary)?final(?=\S)")

_THINKING_ALOUD = (
    "the user ",
    "the student ",
    "okay, the user",
    "okay, the student",
    "okay, so the ",
    "okay, let me",
    "ok, the user",
    "ok, the student",
    "ok, so the ",
    "alright, the user",
    "alright, the student",
    "alright, so the ",
    "hmm, the user",
    "hmm, the student",
    "hmm, so the ",
    "we need to answer",
    "we need to respond",
    "i need to answer",
    "i need to respond",
    "i need to explain",
    "i should answer",
    "user asks",
    "user says",
    "user wants",
    "student asks",
)


def may_be_prefix(text: str) -> bool:
    """``text``, all there is, may still become a ``ROLE_PREFIX`` or ``STRIPPED_HARMONY``."""
    word = text.strip().strip("*").strip().lower()
    return any(each.startswith(word) for each in (*_PREFIX_WORDS, "analysis"))


def thinks_aloud(text: str) -> bool | None:
    """Whether an answer that begins with ``text`` speaks about the student: thinking whose opening tag was eaten.

    Returns:
        None while that cannot be told yet.
    """
    said = text.lstrip().lower()
    if any(said.startswith(each) for each in _THINKING_ALOUD):
        return True
    return None if any(each.startswith(said) for each in _THINKING_ALOUD) else False
