"""Answers that a model has spoiled: it is asked once more, at most, and what is said is not cut without cause."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import pytest
import structlog.testing

from engine.contracts import CutShort, Message
from engine.errors import LanguageModelFailed
from engine.llm.client import OpenAIChat
from engine.llm.stumbles import Stumbled, Watch
from tests.llm.misbehaving_llm import Behaviour
from tests.llm.quirk_server import SAID, spoken, stream, words
from tests.llm.test_llm import chat_with
from tests.llm.test_quirks import sent

ECHO = (
    "A triangle has three sides and three corners, and its angles always add up to 180 degrees, whatever its shape is."
)
DIALOGUE: list[Message] = [
    {"role": "system", "content": "You are a kind tutor."},
    {"role": "assistant", "content": "Hello! Ask me anything."},
    {"role": "user", "content": "What is a triangle?"},
    {"role": "assistant", "content": ECHO},
    {"role": "user", "content": "And how do plants drink?"},
]
GOOD = stream(spoken(*words()))
RUSSIAN = "Растения пьют воду корнями, а листья ловят свет."


def with_question(question: str) -> list[Message]:
    return [*DIALOGUE[:-1], {"role": "user", "content": question}]


async def ask(chat: OpenAIChat, messages: list[Message]) -> str:
    return "".join([text async for text in chat.reply(messages, max_tokens=400)])


def listening(chat: OpenAIChat) -> list[str]:
    causes: list[str] = []
    chat.stumbled = causes.append
    return causes


async def test_an_endless_repetition_ends_the_answer_cleanly() -> None:
    async with chat_with(stream(spoken(*words("I am a tutor. " * 2000)))) as (chat, _):
        causes = listening(chat)
        with structlog.testing.capture_logs() as log:
            deltas: list[str] = []
            async with aclosing(chat.reply(DIALOGUE, max_tokens=160)) as reply:
                async for text in reply:
                    deltas.append(text)
                    if isinstance(text, CutShort):
                        break  # as a reply does
        assert isinstance(deltas[-1], CutShort)
        assert 3 <= "".join(deltas).count("I am a tutor.") <= 6
        assert causes == ["repetition"]
        assert [entry["cause"] for entry in log if entry["event"] == "llm_stumbled"] == ["repetition"]


@pytest.mark.parametrize(
    ("spoiled", "cause"),
    [
        (stream(spoken(*words(ECHO))), "echo"),
        (stream(spoken(*words(RUSSIAN))), "script"),
        (stream(spoken("Да", ".")), "script"),
        (stream(spoken("植物", "用根", "喝水。", "它们需要水和阳光。")), "script"),
        (stream(spoken("", " ", "\n")), "empty"),
    ],
)
async def test_a_spoiled_answer_is_asked_for_once_more_with_less_history(spoiled: Behaviour, cause: str) -> None:
    async with chat_with(spoiled, GOOD) as (chat, server):
        causes = listening(chat)
        with structlog.testing.capture_logs() as log:
            assert await ask(chat, DIALOGUE) == SAID
        assert causes == [cause]
        assert [entry["cause"] for entry in log if entry["event"] == "llm_stumbled"] == [cause]
        again = sent(server)[1]["messages"]
        assert again[0] == DIALOGUE[0] and again[-1] == DIALOGUE[-1]
        assert len(again) < len(DIALOGUE)
        assert ECHO not in [message["content"] for message in again] or cause != "echo"


@pytest.mark.parametrize("spoiled", [ECHO, RUSSIAN])
async def test_it_is_asked_once_more_at_most(spoiled: str) -> None:
    async with chat_with(stream(spoken(*words(spoiled)))) as (chat, server):
        assert await ask(chat, DIALOGUE) == spoiled
        assert len(server.requests) == 2


async def test_two_empty_answers_are_a_failure_and_the_next_question_is_answered() -> None:
    async with chat_with(stream(spoken(""))) as (chat, server):
        with pytest.raises(LanguageModelFailed):
            await ask(chat, DIALOGUE)
        assert len(server.requests) == 2
        server.script[:] = [GOOD]
        assert await ask(chat, DIALOGUE) == SAID


@pytest.mark.parametrize(
    ("messages", "answer"),
    [
        (with_question("Can you say that again?"), ECHO),
        (with_question("Please repeat it."), ECHO),
        (with_question("What is a triangle?"), ECHO),
        (with_question("Notes: a book.\n\nWhat is a triangle?"), ECHO),
        (with_question("What is that in Russian?"), RUSSIAN),
        (with_question("Please translate."), RUSSIAN),
        (with_question("Что такое растение?"), RUSSIAN),
        (DIALOGUE, "привет means hello in Russian."),
        (DIALOGUE, "α is a Greek letter."),
        (DIALOGUE, "你好 means hello."),
        (DIALOGUE, "42"),
        (DIALOGUE, "👏👏👏 Well done!"),
        (DIALOGUE, "A triangle has three sides and three corners, and its angles do not drink."),
        (DIALOGUE, "A triangle does not drink."),
        (DIALOGUE, "Hello! Ask me."),
    ],
)
async def test_an_answer_with_a_cause_is_given_at_once(messages: list[Message], answer: str) -> None:
    async with chat_with(stream(spoken(*words(answer)))) as (chat, server):
        assert await ask(chat, messages) == answer
        assert len(server.requests) == 1


def test_nothing_is_held_back_of_an_answer_that_is_new() -> None:
    watch = Watch(DIALOGUE)
    assert [watch.push(piece) for piece in ("Roots", " drink", " water.")] == ["Roots", " drink", " water."]
    watch = Watch(DIALOGUE)
    assert [watch.push(piece) for piece in ("A", " triangle", " drinks", " not.")] == [
        "",
        "",
        "A triangle drinks",
        " not.",
    ]


@pytest.mark.parametrize("text", ["\n", "👏", "…", "- "])
def test_an_answer_without_words_is_not_held_for_ever(text: str) -> None:
    watch = Watch(DIALOGUE)
    held: Any = [watch.push(text) for _ in range(500)]
    assert any(held)


def test_an_echo_is_noticed_before_its_first_word_is_said() -> None:
    watch = Watch(DIALOGUE)
    with pytest.raises(Stumbled):
        for word in words(ECHO):
            assert watch.push(word) == ""
