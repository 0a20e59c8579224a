"""Utterances while they are spoken, through the real model."""

from __future__ import annotations

import asyncio
import itertools
import time
from difflib import SequenceMatcher

import numpy as np
import pytest

from engine.items import VAD_FRAME, FloatArray, Transcript
from engine.recognition.agreement import normal
from engine.recognition.recognizer import WhisperRecognizer, WhisperStream
from engine.recognition.silero import SileroVad
from tests.recognition.conftest import Speaker, silence

QUESTION = "What is the capital of France, and how large is it?"
STORY = (
    "Yesterday in class our teacher explained how the heart pumps blood through the body. "
    "First the blood goes to the lungs. Then it comes back and is sent to all of the muscles. "
    "I want to know why there are four chambers. Please tell me what the valves are for. "
    "My brother says that the heart never rests. I think that he is right."
)


def forms(text: str) -> list[str]:
    return [normal(word) for word in text.split()]


class Microphone:
    """Hands audio to a stream as a listener does: whole frames, judged once."""

    def __init__(self, stream: WhisperStream, detector: SileroVad) -> None:
        self._stream = stream
        self._voice = detector.stream()
        self._rest = np.zeros(0, np.float32)

    def push(self, pcm: FloatArray) -> None:
        pcm = np.concatenate((self._rest, pcm))
        whole = len(pcm) // VAD_FRAME * VAD_FRAME
        self._rest = pcm[whole:]
        if whole:
            self._stream.push(pcm[:whole], self._voice.judge(pcm[:whole].reshape(-1, VAD_FRAME)))

    async def speak(self, pcm: FloatArray, step_s: float = 0.8) -> list[Transcript]:
        """Push it, with a revision after each ``step_s``."""
        revisions = []
        step = int(step_s * 16_000)
        for start in range(0, len(pcm), step):
            self.push(pcm[start : start + step])
            revisions.append(await self._stream.revise())
        return revisions


async def test_words_come_while_they_are_spoken_and_stable_ones_stay(
    english: WhisperRecognizer, detector: SileroVad, say: Speaker
) -> None:
    stream = english.stream()
    microphone = Microphone(stream, detector)
    revisions = await microphone.speak(np.concatenate([silence(0.3), say(QUESTION), silence(0.5)]))
    for before, after in itertools.pairwise(revisions):
        assert after.stable.startswith(before.stable)
        assert after.text.startswith(after.stable) and not after.final
    assert "capital" in revisions[len(revisions) // 2].text
    whole = await stream.preview()
    assert forms(whole.text) == forms(QUESTION)
    assert whole.stable == whole.text and len(whole.words) == len(QUESTION.split())


async def test_a_second_preview_after_more_silence_is_immediate(
    english: WhisperRecognizer, detector: SileroVad, say: Speaker
) -> None:
    stream = english.stream()
    microphone = Microphone(stream, detector)
    microphone.push(np.concatenate([say(QUESTION), silence(0.25)]))
    preview = await stream.preview()
    assert not preview.final and forms(preview.text) == forms(QUESTION), "the user turn may go on"
    microphone.push(silence(0.4))
    begun = time.process_time()
    assert (await stream.preview()).text == preview.text
    assert time.process_time() - begun < 0.05, "silence is not decoded again"


async def test_after_a_preview_the_student_may_go_on(
    english: WhisperRecognizer, detector: SileroVad, say: Speaker
) -> None:
    stream = english.stream()
    microphone = Microphone(stream, detector)
    microphone.push(np.concatenate([say("I have a question."), silence(0.3)]))
    assert forms((await stream.preview()).text) == forms("I have a question.")
    microphone.push(np.concatenate([say("Why is the sky blue?"), silence(0.3)]))
    assert forms((await stream.preview()).text) == forms("I have a question. Why is the sky blue?")


async def test_long_speech_slides_and_loses_nothing(
    english: WhisperRecognizer, detector: SileroVad, say: Speaker
) -> None:
    stream = english.stream()
    microphone = Microphone(stream, detector)
    pcm = np.concatenate([say(STORY), silence(0.4)])
    assert len(pcm) > 15 * 16_000
    held = []
    for start in range(0, len(pcm), 24_000):
        microphone.push(pcm[start : start + 24_000])
        revision = await stream.revise()
        held.append(stream.held_s)
    assert max(held) < 15, "the window is bounded"
    final = await stream.preview()
    heard, said = forms(final.text), forms(STORY)
    same = sum(block.size for block in SequenceMatcher(None, heard, said, autojunk=False).get_matching_blocks())
    assert max(len(heard), len(said)) - same <= 3, "the voice is never twice the same"
    assert forms(revision.text)[:10] == forms(STORY)[:10]
    starts = [word.start_ms for word in final.words]
    assert starts == sorted(starts) and final.words[-1].end_ms == pytest.approx(len(pcm) / 16 - 400, abs=500)


async def test_a_preview_without_a_single_revision_takes_all_of_a_long_utterance(
    english: WhisperRecognizer, detector: SileroVad, say: Speaker
) -> None:
    stream = english.stream()
    microphone = Microphone(stream, detector)
    microphone.push(np.concatenate([say(STORY), silence(1.0), say(STORY), silence(0.4)]))
    final = await stream.preview()
    assert abs(len(forms(final.text)) - 2 * len(forms(STORY))) <= 2
    assert stream.held_s < 26


@pytest.mark.parametrize("pcm", [np.zeros(0, np.float32), silence(0.02), silence(3.0)], ids=["none", "20 ms", "3 s"])
async def test_silence_says_nothing(english: WhisperRecognizer, detector: SileroVad, pcm: FloatArray) -> None:
    stream = english.stream()
    microphone = Microphone(stream, detector)
    microphone.push(pcm)
    for transcript in (await stream.revise(), await stream.preview()):
        assert transcript.text == "" and transcript.stable == "" and transcript.no_speech == 1.0


async def test_a_cancelled_revision_loses_no_sound(
    english: WhisperRecognizer, detector: SileroVad, say: Speaker
) -> None:
    stream = english.stream()
    microphone = Microphone(stream, detector)
    pcm = np.concatenate([say(QUESTION), silence(0.3)])
    microphone.push(pcm[:20_000])
    revision = asyncio.create_task(stream.revise())
    await asyncio.sleep(0.02)
    revision.cancel()
    microphone.push(pcm[20_000:])
    assert forms((await stream.preview()).text) == forms(QUESTION)


async def test_two_students_at_once_hear_only_themselves(
    english: WhisperRecognizer, detector: SileroVad, say: Speaker
) -> None:
    other = "Please show me the next step of this long division."
    one, two = english.stream(), english.stream()
    first_microphone, second_microphone = Microphone(one, detector), Microphone(two, detector)
    await asyncio.gather(first_microphone.speak(say(QUESTION)), second_microphone.speak(say(other)))
    first_microphone.push(silence(0.3))
    second_microphone.push(silence(0.3))
    first, second = await asyncio.gather(one.preview(), two.preview())
    assert forms(first.text) == forms(QUESTION) and forms(second.text) == forms(other)


async def test_mandarin_stream_keeps_its_language(
    multilingual: WhisperRecognizer, detector: SileroVad, mandarin: FloatArray
) -> None:
    stream = multilingual.stream("en,zh")
    microphone = Microphone(stream, detector)
    revisions = await microphone.speak(np.concatenate([mandarin, silence(0.3)]), 1.5)
    final = await stream.preview()
    assert final.language == "zh" and "请问什么" in final.text
    assert revisions[-1].text.startswith(revisions[-1].stable)


async def test_a_microphone_nobody_reads_is_bounded(english: WhisperRecognizer) -> None:
    stream = english.stream()
    for _ in range(40):
        stream.push(np.zeros(312 * VAD_FRAME, np.float32), np.zeros(312, np.float32))
    assert stream.held_s <= 301


async def test_words_made_up_after_a_broken_off_sentence_are_left_out(
    multilingual: WhisperRecognizer, detector: SileroVad, say: Speaker
) -> None:
    whole = say("If I have three apples, how many can I give away?")
    cut = whole[: int(0.42 * len(whole))]
    stream = multilingual.stream("en")
    microphone = Microphone(stream, detector)
    microphone.push(np.concatenate([silence(0.3), cut, silence(0.15)]))
    heard = (await stream.preview()).text
    assert "apples" in heard.lower() and len(heard.split()) <= 6, heard
