"""A model that writes Markdown: captions and voice have none of it, the text has it all."""

from __future__ import annotations

import asyncio

from tests.conversation.conversation_stage import AVATAR, FakeModel, Stage

WRITTEN = "**Leaves** catch `light`, and *roots* drink. - Water goes up. - **Sugar** goes **down**."


async def ask(stage: Stage, then_s: float) -> None:
    stage.conversation.say("What do plants do?", AVATAR)
    await asyncio.sleep(then_s)


def test_captions_have_no_markdown_and_the_text_keeps_it() -> None:
    stage = Stage(model=FakeModel(text=WRITTEN)).play_all(lambda s: ask(s, 20))
    words = [w["text"] for _, m in stage.sink.log if m["type"] == "captions" for w in m["words"]]
    assert " ".join(words) == "Leaves catch light, and roots drink. Water goes up. Sugar goes down."
    assert stage.sink.last("text")["content"] == WRITTEN


def test_an_interruption_finds_the_heard_words_in_the_marked_text() -> None:
    async def drive(stage: Stage) -> None:
        await ask(stage, 3.0)
        stage.conversation.interrupt()
        await asyncio.sleep(1)

    heard = Stage(model=FakeModel(text=WRITTEN)).play_all(drive).sink.last("interrupted")["content"]
    assert heard.startswith("**Leaves** catch") and WRITTEN.startswith(heard) and heard != WRITTEN
