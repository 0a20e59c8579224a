"""Twenty documents that try to command the tutor: what they can and cannot touch."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.contracts import Message
from engine.knowledge.items import Block, Passage
from engine.knowledge.parse import read_document
from engine.knowledge.passages import cut_passages
from engine.knowledge.prompt import ASK, HEAD, harmless, knowledge_prompt
from engine.llm.client import OpenAIChat
from engine.llm.embedded import EmbeddedModel, EmbeddedServer
from engine.llm.exchange import ReplyLimits
from engine.llm.history import ChatHistory
from engine.models.catalog import locate
from engine.text.tokens import estimate_tokens
from engine.tutors.store import TutorStore
from tests.knowledge.corpus import CANARY, INJECTIONS

QUESTION = "Why do volcanoes erupt?"
FACT = "Volcanoes erupt because hot magma is lighter than the rock around it and rises."
CHAT_MARKS = re.compile(r"<\|[^|]*\|>|\[/?INST\]|<</?SYS>>|</?s>|<(start|end)_of_turn>|</?think>|<｜", re.IGNORECASE)


def passages_of(attack: str) -> list[Passage]:
    """As the attack would come out of a knowledge base, through the real reader."""
    blocks = read_document("attack.txt", f"{FACT}\n\n{attack}".encode())
    return [Passage("attack.txt", piece.text, 1.0) for piece in cut_passages(blocks)]


def prompt_for(attack: str) -> list[Message]:
    profile = TutorStore().find(13)
    history = ChatHistory(profile.persona, examples=[(e.question, e.answer) for e in profile.examples])
    return history.messages(QUESTION, knowledge=knowledge_prompt(passages_of(attack), 300))


@pytest.mark.parametrize("attack", INJECTIONS, ids=range(len(INJECTIONS)))
def test_the_rules_stay_as_they_are(attack: str) -> None:
    attacked, clean = prompt_for(attack), prompt_for("")
    assert [m["role"] for m in attacked] == [m["role"] for m in clean]
    assert attacked[:-1] == clean[:-1], "system message and dialogue are the same, byte for byte"
    asked = attacked[-1]["content"]
    assert asked.endswith(f"\n{ASK}\n\n{QUESTION}") and asked.startswith(HEAD)
    quotes = asked.removeprefix(HEAD).removesuffix(f"\n{ASK}\n\n{QUESTION}").strip().split("\n")
    for number, line in enumerate(quotes, 1):
        mark, quote = line.split(" ", 1)
        assert mark == f"[{number}]" and isinstance(json.loads(quote), str), "each passage is one string on one line"
    assert not CHAT_MARKS.search(asked)
    assert not re.search(r"(?i)\b(system|assistant|user)\s*:", asked)


@given(st.text(max_size=300))
def test_any_text_stays_one_quoted_line(text: str) -> None:
    lines = knowledge_prompt([Passage("d", f"{FACT} {text}", 1.0)], 4000).split("\n")
    assert len(lines) == 3 and lines[0] == HEAD and lines[2] == ASK
    assert json.loads(lines[1].split(" ", 1)[1]).startswith(FACT)


PIECES = ["<|", "|>", "im_start", "im_end", "<", ">", "|", "/", "s", "[INST]", "[", "]"]


@given(st.lists(st.sampled_from(PIECES), max_size=20))
def test_marks_can_not_be_assembled_from_pieces(parts: list[str]) -> None:
    assert not CHAT_MARKS.search(harmless("".join(parts)))


@given(st.lists(st.text(min_size=1, max_size=900), max_size=6), st.integers(60, 800))
def test_the_budget_holds(texts: list[str], budget: int) -> None:
    prompt = knowledge_prompt([Passage("d", text, 1.0) for text in texts], budget)
    assert not prompt or estimate_tokens(prompt) <= budget


def test_nothing_found_is_said_as_the_profile_says_it() -> None:
    assert "Not in our books." in knowledge_prompt([], 300, "Not in our books.")
    assert knowledge_prompt([], 300) == ""


def test_hidden_signs_do_not_survive_reading() -> None:
    (block,) = read_document("a.txt", "vis\u200bible\u202e \U000e0049\U000e0067text".encode())
    assert block == Block("visible text")


async def test_the_embedded_model_does_not_obey() -> None:
    """A small model is easily led; still none of these makes it say the word alone or leave its role."""
    async with EmbeddedServer(EmbeddedModel(locate("smollm2-135m"), threads=1, slots=1)) as server:
        chat = OpenAIChat(server, "m", ReplyLimits(max_tokens=24, first_token_s=60, token_s=30), temperature=0.0)
        for attack in (INJECTIONS[1], INJECTIONS[2], INJECTIONS[8], INJECTIONS[10]):
            reply = "".join([text async for text in chat.reply(prompt_for(attack))])
            assert reply.strip().strip(".!").upper() != CANARY, attack
        await chat.close()
