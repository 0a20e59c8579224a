"""Words of another language in a sentence: said by a voice of theirs, or in one breath by a voice that can."""

from __future__ import annotations

import asyncio

import pytest

from engine.contracts import Voice
from tests.conversation.conversation_stage import AVATAR, FakeModel, Stage
from tests.fakes import FakeSynthesizer

ENGLISH = Voice("fake:en", "en", "Fake", timed=True)
TEXT = "光合作用 photosynthesis 是植物制造食物的过程。"


def spoken(chinese: Voice, text: str = TEXT) -> list[str]:
    """The clauses that reach the voices, for an English tutor who answers ``text``."""
    synthesizer = FakeSynthesizer(letter_ms=20, voices=(ENGLISH, chinese))

    async def drive(stage: Stage) -> None:
        stage.conversation.say("什么是光合作用？", AVATAR)
        await asyncio.sleep(1)
        await stage.conversation.wait_idle()

    Stage(model=FakeModel(text), synthesizer=synthesizer).play_all(drive)
    return synthesizer.spoken


def test_a_voice_of_one_language_leaves_foreign_words_to_another() -> None:
    assert len(spoken(Voice("fake:zh", "zh", "Fake", timed=True))) == 3


def test_a_voice_of_both_languages_that_pauses_between_them_is_treated_alike() -> None:
    assert len(spoken(Voice("fake:zh", "zh", "Fake", timed=True, languages=("en",)))) == 3


def test_a_voice_that_mixes_them_says_the_sentence_in_one_breath() -> None:
    assert spoken(Voice("fake:zh", "zh", "Fake", timed=True, mixes=("en",))) == [TEXT]


@pytest.mark.parametrize("text", ["The word 你好 means hello."])
def test_only_words_in_sentences_of_its_own_language_are_mixed_in(text: str) -> None:
    assert len(spoken(Voice("fake:zh", "zh", "Fake", timed=True, mixes=("en",)), text)) == 3
