"""Scripted conversations in virtual time: what is heard, and the exact order of what follows."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from engine.items import INPUT_RATE, AudioChunk, FloatArray
from engine.settings import Settings
from engine.turn_taking.events import (
    BeginPreemptiveReply,
    Interrupt,
    ListenEvent,
    ListeningFailed,
    NoSpeechHeard,
    Overload,
    Partial,
    PreemptiveReplyDropped,
    Resume,
    SpeechStarted,
    UserTurnEnded,
    UserTurnReopened,
)
from engine.turn_taking.listener import Listener
from tests.fakes import FakeCompletion, FakeDetector, FakeEndOfTurn, FakeRecognizer, Script, play
from tests.virtual_time import VirtualTimeLoop, run_virtual

Drive = Callable[[Listener], Awaitable[None]]
DEFAULT_MODEL = FakeEndOfTurn()


def listen(
    pcm: FloatArray,
    drive: Drive | None = None,
    recognizer: FakeRecognizer | None = None,
    model: FakeEndOfTurn | None = DEFAULT_MODEL,
    completion: FakeCompletion | None = None,
    **options: Any,
) -> list[tuple[float, ListenEvent]]:
    """Play ``pcm`` to a listener; gives its events with the second at which each came."""
    playing = {name: options.pop(name) for name in options.keys() & inspect.signature(play).parameters.keys()}
    settings = Settings(**options)

    async def main() -> list[tuple[float, ListenEvent]]:
        heard: list[tuple[float, ListenEvent]] = []
        began = asyncio.get_running_loop().time()
        listener = Listener(recognizer or FakeRecognizer(), FakeDetector(), model, settings, completion=completion)

        async def collect() -> None:
            heard.extend([(asyncio.get_running_loop().time() - began, event) async for event in listener.events])

        async with asyncio.TaskGroup() as group:
            group.create_task(collect())
            async with listener:
                if drive is not None:
                    group.create_task(_as_task(drive(listener)))
                await play(listener.push, pcm, **playing)
                await asyncio.sleep(6)
        return heard

    return run_virtual(main())


async def _as_task(work: Awaitable[None]) -> None:
    await work


def kinds(heard: list[tuple[float, ListenEvent]], *without: type) -> list[str]:
    return [type(event).__name__ for _, event in heard if not isinstance(event, (Partial, *without))]


def only(heard: list[tuple[float, ListenEvent]], kind: type) -> list[Any]:
    return [event for _, event in heard if isinstance(event, kind)]


def tutor_from(start_s: float, end_s: float, text: str = "the mitochondria make energy") -> Drive:
    async def drive(listener: Listener) -> None:
        await asyncio.sleep(start_s)
        listener.tutor_speaking(True, text)
        await asyncio.sleep(end_s - start_s)
        listener.tutor_speaking(False)

    return drive


def test_a_question_gets_a_preemptive_reply_and_is_committed() -> None:
    script = Script().say(1000, "What is a plant cell made of?")
    heard = listen(script.pcm(4000), completion=FakeCompletion())
    assert kinds(heard) == ["SpeechStarted", "SpeechStopped", "BeginPreemptiveReply", "UserTurnEnded"]
    at, ended = next((at, event) for at, event in heard if isinstance(event, UserTurnEnded))
    assert ended.transcript.text == "What is a plant cell made of?"
    assert ended.transcript.final
    assert ended.preemptive_id == only(heard, BeginPreemptiveReply)[0].id
    assert abs(only(heard, SpeechStarted)[0].ms - 1000) <= 40
    assert abs(ended.acoustic_end_ms - script.end_of()) <= 50
    assert 0.2 <= at - script.end_of() / 1000 <= 0.45
    assert abs(ended.acoustic_end_at - 1000 - script.end_of() / 1000) <= 0.06
    assert ended.timings["commit"] <= 450
    assert ended.timings["silence"] <= ended.timings["transcript"] <= ended.timings["commit"]


def test_partials_grow_while_the_student_speaks() -> None:
    script = Script().say(500, "I would like to know how a leaf makes sugar from light and air today")
    heard = listen(script.pcm(7000))
    partials = [event.transcript.text for event in only(heard, Partial)]
    assert len(partials) >= 5
    assert all(later.startswith(earlier) for earlier, later in pairwise(partials))
    first_at = next(at for at, event in heard if isinstance(event, Partial))
    assert first_at - 0.5 <= 0.7


def test_an_inner_pause_does_not_end_an_unfinished_clause() -> None:
    script = Script().say(1000, "I was wondering if the").say(3560, "sun is a star.")
    heard = listen(script.pcm(7000), model=FakeEndOfTurn(0.4))
    ended = only(heard, UserTurnEnded)
    assert [event.transcript.text for event in ended] == ["I was wondering if the sun is a star."]
    assert kinds(heard, BeginPreemptiveReply, PreemptiveReplyDropped) == [
        "SpeechStarted", "SpeechStopped", "SpeechStarted", "SpeechStopped", "UserTurnEnded"
    ]  # fmt: skip


def test_a_reply_begun_too_early_is_dropped() -> None:
    script = Script().say(1000, "I know that one.").say(2340, "It is the sun.")
    heard = listen(script.pcm(6000), model=FakeEndOfTurn(0.3))
    assert [event.transcript.text for event in only(heard, UserTurnEnded)] == ["I know that one. It is the sun."]
    first, second = only(heard, BeginPreemptiveReply)
    assert [event.id for event in only(heard, PreemptiveReplyDropped)] == [first.id]
    assert only(heard, UserTurnEnded)[0].preemptive_id == second.id
    order = kinds(heard)
    assert order.index("PreemptiveReplyDropped") < len(order) - 1 - order[::-1].index("BeginPreemptiveReply")


def test_a_breath_in_the_pause_drops_nothing() -> None:
    script = Script().say(1000, "What is a star?").cough(2260, 64)
    heard = listen(script.pcm(5000))
    assert len(only(heard, BeginPreemptiveReply)) == 1
    assert not only(heard, PreemptiveReplyDropped)
    assert only(heard, UserTurnEnded)[0].preemptive_id == only(heard, BeginPreemptiveReply)[0].id


def test_a_doubtful_turn_model_cannot_hold_back_a_whole_question() -> None:
    script = Script().say(1000, "What is a star?")
    heard = listen(script.pcm(6000), model=FakeEndOfTurn(0.01))
    at = next(at for at, event in heard if isinstance(event, UserTurnEnded))
    assert at - script.end_of() / 1000 <= 1.2


def test_a_sure_turn_model_cannot_end_an_unfinished_clause_early() -> None:
    script = Script().say(1000, "because the")
    heard = listen(script.pcm(8000), model=FakeEndOfTurn(0.99))
    at = next(at for at, event in heard if isinstance(event, UserTurnEnded))
    assert 1.0 <= at - script.end_of() / 1000 <= 2.6


def ended_after(text: str, completion: FakeCompletion | None) -> float:
    """Silence before the user turn ended, s."""
    script = Script().say(1000, text)
    heard = listen(script.pcm(9000), model=FakeEndOfTurn(0.5), completion=completion)
    return next(at for at, event in heard if isinstance(event, UserTurnEnded)) - script.end_of() / 1000


def test_words_that_a_sentence_ends_with_are_answered_sooner_than_others() -> None:
    text = "I think it is the sun."
    scorer = FakeCompletion(0.9)
    assert ended_after(text, scorer) < 0.8 < 1.3 < ended_after(text, FakeCompletion(0.02))
    assert scorer.asked == [text], "asked once, when all the words were known"


@pytest.mark.parametrize("scorer", [FakeCompletion(None), FakeCompletion(0.9, delay_s=30)], ids=["unable", "hangs"])
def test_without_a_score_in_time_the_turn_ends_as_without_the_small_model(scorer: FakeCompletion) -> None:
    text = "I think it is the sun."
    assert abs(ended_after(text, scorer) - ended_after(text, None)) <= 0.25


def test_noise_is_no_turn() -> None:
    heard = listen(Script().cough(1000, 400).pcm(4000))
    assert kinds(heard) == ["SpeechStarted", "SpeechStopped", "NoSpeechHeard"]


def test_a_click_is_not_even_speech() -> None:
    assert listen(Script().cough(1000, 30).pcm(3000)) == []


def test_words_interrupt_the_tutor() -> None:
    script = Script().say(3000, "Wait, what is that?", word_ms=200)
    heard = listen(script.pcm(6000), tutor_from(1, 6))
    assert kinds(heard, BeginPreemptiveReply) == [
        "SpeechStarted",
        "Duck",
        "Interrupt",
        "SpeechStopped",
        "UserTurnEnded",
    ]
    at = {type(event).__name__: at for at, event in heard}
    assert at["Duck"] - 3 <= 0.13
    assert at["Interrupt"] - 3 <= 0.45
    assert only(heard, Interrupt)[0].reason == "words"
    assert only(heard, UserTurnEnded)[0].transcript.text == "Wait, what is that?"


def test_a_gap_after_every_word_does_not_keep_the_words_from_being_known() -> None:
    script = Script()
    for number, word in enumerate(["No,", "stop,", "there,", "is,", "more,", "to,", "ask."]):
        script.say(3000 + number * 360, word, word_ms=260)
    heard = listen(script.pcm(8000), tutor_from(1, 9), FakeRecognizer(decode_s=0.4))
    assert kinds(heard, BeginPreemptiveReply)[:3] == ["SpeechStarted", "Duck", "Interrupt"]
    assert next(at for at, event in heard if isinstance(event, Interrupt)) - 3 <= 1.0
    assert only(heard, UserTurnEnded)[0].transcript.text.startswith("No, stop")


def test_a_doubtful_word_waits_for_better_ones() -> None:
    """What begins with a pause behind its first word is one interruption, and keeps that word."""
    script = Script().say(3000, "Maybe,", word_ms=300).say(3560, "you could tell me that again.")
    heard = listen(script.pcm(8000), tutor_from(1, 9), FakeRecognizer(logprob=-0.8))
    assert kinds(heard, BeginPreemptiveReply)[:2] == ["SpeechStarted", "Duck"]
    assert not only(heard, Resume)
    assert only(heard, UserTurnEnded)[0].transcript.text == "Maybe, you could tell me that again."


def test_a_short_hum_taken_for_words_does_not_interrupt() -> None:
    heard = listen(
        Script().say(3000, "and the mates", word_ms=220).pcm(6000), tutor_from(1, 7), FakeRecognizer(logprob=-0.8)
    )
    assert kinds(heard) == ["SpeechStarted", "Duck", "SpeechStopped", "Resume"]


@pytest.mark.parametrize("nod", ["mm-hm", "okay.", "Yeah, right.", "uh-huh", "I see."])
def test_a_nod_only_ducks(nod: str) -> None:
    heard = listen(Script().say(3000, nod).pcm(5000), tutor_from(1, 6))
    assert kinds(heard) == ["SpeechStarted", "Duck", "SpeechStopped", "Resume"]
    assert only(heard, Resume)[0].reason == "backchannel"


def test_a_cough_only_ducks_and_not_for_long() -> None:
    heard = listen(Script().cough(3000, 300).pcm(5000), tutor_from(1, 6))
    assert kinds(heard) == ["SpeechStarted", "Duck", "SpeechStopped", "Resume"]
    at = {type(event).__name__: at for at, event in heard}
    assert at["Resume"] - 3.3 <= 0.4


def test_endless_noise_does_not_keep_the_tutor_quiet() -> None:
    heard = listen(Script().cough(3000, 5000).pcm(9000), tutor_from(1, 12))
    assert kinds(heard) == ["SpeechStarted", "Duck", "Resume", "SpeechStopped"]


def test_words_within_noise_still_interrupt() -> None:
    script = Script().cough(3000, 3500).say(6500, "Stop that please.")
    heard = listen(script.pcm(9000), tutor_from(1, 12))
    assert kinds(heard, BeginPreemptiveReply) == [
        "SpeechStarted",
        "Duck",
        "Resume",
        "Interrupt",
        "SpeechStopped",
        "UserTurnEnded",
    ]


def test_the_tutors_own_voice_is_no_interruption() -> None:
    spoken = "Well, the mitochondria make energy for the cell"
    heard = listen(Script().say(1200, "the mitochondria make energy").pcm(4000), tutor_from(1, 6, spoken))
    assert kinds(heard) == ["SpeechStarted", "Duck", "SpeechStopped", "Resume"]
    assert only(heard, Resume)[0].reason == "echo"


def test_a_late_echo_is_no_turn() -> None:
    spoken = "Well, the mitochondria make energy for the cell"
    heard = listen(Script().say(2100, "energy for the cell").pcm(5000), tutor_from(1, 2, spoken))
    assert not only(heard, UserTurnEnded)
    assert len(only(heard, NoSpeechHeard)) == 1


def test_an_answer_over_the_tutors_last_word_is_a_turn() -> None:
    heard = listen(Script().say(3000, "Yes.").pcm(5000), tutor_from(1, 3.2))
    assert kinds(heard, BeginPreemptiveReply) == ["SpeechStarted", "Duck", "Resume", "SpeechStopped", "UserTurnEnded"]


def test_speaking_on_when_the_tutor_begins_interrupts_it() -> None:
    script = Script().say(2000, "and I also want to know about leaves.")
    heard = listen(script.pcm(6000), tutor_from(2.6, 8, "also want to know"))
    assert kinds(heard, BeginPreemptiveReply) == [
        "SpeechStarted",
        "Duck",
        "Interrupt",
        "SpeechStopped",
        "UserTurnEnded",
    ]


def test_without_barge_in_the_tutor_is_not_disturbed() -> None:
    heard = listen(Script().say(3000, "Wait, what is that?").pcm(6000), tutor_from(1, 8), barge_in=False)
    assert heard == []


@pytest.mark.parametrize(("sent_on_ms", "wait_s"), [(200, 0.75), (0, 1.4)], ids=["in silence", "mid-word"])
def test_a_microphone_that_stops_sending_ends_the_turn(sent_on_ms: int, wait_s: float) -> None:
    script = Script().say(1000, "What is a star?")
    heard = listen(script.pcm(1000 + 4 * 240 + sent_on_ms))
    assert only(heard, UserTurnEnded)[0].transcript.text == "What is a star?"
    at = next(at for at, event in heard if isinstance(event, UserTurnEnded))
    assert at - script.end_of() / 1000 <= wait_s


@pytest.mark.parametrize("stall_ms", [300, 600, 1000])
def test_a_line_that_stalls_in_mid_word_cuts_no_question_in_two(stall_ms: int) -> None:
    script = Script().say(1000, "What is a star made of?")
    begin = 1000 + 4 * 240 - 40  # "What is a star", and the line holds back the rest
    heard = listen(script.pcm(5000), stalls=[(begin, begin + stall_ms)])
    assert [event.transcript.text for event in only(heard, UserTurnEnded)] == ["What is a star made of?"]


def test_an_engine_that_stalls_cuts_no_question_in_two() -> None:
    script = Script().say(1000, "What is a star made of?")
    begin, end = 1000 + 4 * 240 - 40, 1000 + 4 * 240 + 2000

    async def stall(_: Listener) -> None:
        await asyncio.sleep((begin + 10) / 1000)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.advance((end - begin - 60) / 1000)  # the machine stood still; it reads its sockets 50 ms later

    heard = listen(script.pcm(5000), stall, stalls=[(begin, end)])
    assert [event.transcript.text for event in only(heard, UserTurnEnded)] == ["What is a star made of?"]


def test_muting_by_silence_on_the_line_and_going_on_later() -> None:
    script = Script().say(1000, "What is a star?").say(6000, "And a moon?")
    heard = listen(script.pcm(9000), mute=[(2100, 5000)])
    assert [event.transcript.text for event in only(heard, UserTurnEnded)] == ["What is a star?", "And a moon?"]
    starts = [event.ms for event in only(heard, SpeechStarted)]
    assert abs(starts[1] - 6000) <= 80


def test_jitter_is_not_taken_for_silence() -> None:
    script = Script().say(1000, "One two three four five six seven eight nine ten eleven.")
    heard = listen(script.pcm(6000), chunk_ms=200)
    assert len(only(heard, UserTurnEnded)) == 1
    assert kinds(heard, BeginPreemptiveReply) == ["SpeechStarted", "SpeechStopped", "UserTurnEnded"]


def test_a_flood_drops_the_oldest_and_says_so() -> None:
    script = Script().say(200, "What is a star?")

    async def flood(listener: Listener) -> None:
        await asyncio.sleep(2.5)
        listener.push(AudioChunk(np.zeros(20 * INPUT_RATE, np.float32), 10**6))

    heard = listen(script.pcm(3000), flood)
    assert [event.transcript.text for event in only(heard, UserTurnEnded)] == ["What is a star?"]
    assert sum(event.dropped_ms for event in only(heard, Overload)) >= 15_000


def test_a_slow_recognizer_delays_a_turn_by_no_more_than_its_limit() -> None:
    script = Script().say(1000, "Tell me how a leaf makes sugar from light.", word_ms=400)
    heard = listen(script.pcm(9000), recognizer=FakeRecognizer(decode_s=2.5))
    at, ended = next((at, event) for at, event in heard if isinstance(event, UserTurnEnded))
    assert ended.transcript.text
    assert at - script.end_of() / 1000 <= 2.4


def test_one_failure_of_the_recognizer_is_made_up_for() -> None:
    heard = listen(Script().say(1000, "What is a star?").pcm(4000), recognizer=FakeRecognizer(failures=1))
    assert only(heard, UserTurnEnded)[0].transcript.text == "What is a star?"
    assert not only(heard, ListeningFailed)


@pytest.mark.parametrize("error", [None, IndexError("a fault of ours")])
def test_a_broken_recognizer_is_told_and_listening_goes_on(error: Exception | None) -> None:
    script = Script().say(1000, "What is a star?").say(6000, "And a moon?")
    heard = listen(script.pcm(9000), recognizer=FakeRecognizer(failures=2, error=error))
    assert [event.error.code for event in only(heard, ListeningFailed)] == ["asr_failed"]
    assert only(heard, UserTurnEnded)[-1].transcript.text == "And a moon?"


def test_push_to_talk_commits_at_once() -> None:
    async def release(listener: Listener) -> None:
        await asyncio.sleep(2.0)
        listener.end_turn()

    heard = listen(Script().say(1000, "because the sun is").pcm(3000), release)
    at, ended = next((at, event) for at, event in heard if isinstance(event, UserTurnEnded))
    assert ended.transcript.text == "because the sun is"
    assert at <= 2.3


def test_discarded_speech_is_forgotten() -> None:
    async def type_instead(listener: Listener) -> None:
        await asyncio.sleep(2.0)
        listener.discard()

    heard = listen(Script().say(1000, "What is a").pcm(4000), type_instead)
    assert not only(heard, UserTurnEnded)
    assert kinds(heard, BeginPreemptiveReply, PreemptiveReplyDropped) == ["SpeechStarted", "SpeechStopped"]


async def _type_at_two_seconds(listener: Listener) -> None:
    await asyncio.sleep(2.0)
    listener.discard()


def test_speech_that_goes_on_after_it_was_discarded_is_forgotten_up_to_the_next_pause() -> None:
    script = Script().say(1000, "What is a plant cell made of?", word_ms=400).say(5500, "And a moon?")
    heard = listen(script.pcm(9000), _type_at_two_seconds)
    assert [event.transcript.text for event in only(heard, UserTurnEnded)] == ["And a moon?"]
    assert len(only(heard, SpeechStarted)) == 2


def test_discarded_speech_does_not_interrupt_the_answer_to_what_was_typed() -> None:
    async def drive(listener: Listener) -> None:
        await _type_at_two_seconds(listener)
        listener.tutor_speaking(True, "It is seven.")

    heard = listen(Script().say(1000, "What is a plant cell made of?", word_ms=400).pcm(5000), drive)
    assert not only(heard, Interrupt) and not only(heard, UserTurnEnded)


def test_speech_over_the_tutor_that_is_discarded_gives_the_voice_back() -> None:
    async def drive(listener: Listener) -> None:
        listener.tutor_speaking(True, "It is seven.")
        await asyncio.sleep(1.2)
        listener.discard()

    heard = listen(Script().say(1000, "Wait, what is that?", word_ms=400).pcm(5000), drive)
    assert kinds(heard) == ["SpeechStarted", "Duck", "SpeechStopped", "Resume"]


def test_a_user_turn_is_not_reopened_after_something_was_typed() -> None:
    script = Script().say(1000, "What is a star?").say(3000, "in the sky?")

    async def drive(listener: Listener) -> None:
        await asyncio.sleep(2.7)
        listener.discard()

    heard = listen(script.pcm(7000), drive)
    assert [event.transcript.text for event in only(heard, UserTurnEnded)] == ["What is a star?", "in the sky?"]
    assert not only(heard, UserTurnReopened)


def test_discarding_covers_speech_that_has_not_been_judged_yet() -> None:
    pcm = Script().say(0, "What is a star?").pcm(960)

    async def drive(listener: Listener) -> None:
        await asyncio.sleep(1.0)
        listener.push(AudioChunk(pcm, 16_000))
        listener.discard()

    heard = listen(np.zeros(16_000, np.float32), drive)
    assert kinds(heard) == []


def test_noise_without_end_that_was_discarded_makes_nobody_deaf_for_good() -> None:
    heard = listen(Script().cough(1000, 12_000).pcm(14_000), _type_at_two_seconds, turn_max_s=5)
    assert 6900 <= only(heard, SpeechStarted)[1].ms <= 7100


def test_without_a_turn_model_words_and_silence_end_a_turn() -> None:
    script = Script().say(1000, "What is a star?")
    heard = listen(script.pcm(5000), model=None)
    ended = only(heard, UserTurnEnded)
    assert [event.transcript.text for event in ended] == ["What is a star?"]
    assert "turn_model" not in ended[0].timings and "probability" not in ended[0].timings


def test_a_turn_without_end_is_ended() -> None:
    text = " ".join(f"word{index}" for index in range(60))
    heard = listen(Script().say(500, text).pcm(16_000), turn_max_s=5)
    assert len(only(heard, UserTurnEnded)) >= 3
    assert only(heard, UserTurnEnded)[0].acoustic_end_ms <= 5700


def test_no_first_sound_is_lost() -> None:
    """The first word is 100 ms long: without pre-roll less than two thirds of it would be heard."""
    heard = listen(Script().say(1000, "No", word_ms=100).say(1100, "thank you kindly.").pcm(4000))
    assert only(heard, UserTurnEnded)[0].transcript.text == "No thank you kindly."


def test_mandarin_particles_and_questions() -> None:
    heard = listen(Script().say(1000, "你好 什么是光合作用吗").pcm(4000), recognizer=FakeRecognizer(language="zh"))
    at = next(at for at, event in heard if isinstance(event, UserTurnEnded))
    assert at - 1.48 <= 0.7
