"""One long conversation full of interruptions, in virtual time: nothing stale, memory exact, always an answer.

``INTERRUPTIONS=500`` sets how many; a few are enough to find what breaks.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

import pytest

from engine.concurrency.channel import ChannelClosed
from tests.conversation.conversation_stage import AVATAR, Drive, FakeModel, MemorySink, Stage
from tests.fakes import Script, play

ROUNDS = int(os.environ.get("INTERRUPTIONS", "12"))
SAID = " ".join(
    f"The {colour} river runs past a {colour} hill, where {colour} birds rest before they fly on."
    for colour in ("red", "green", "golden", "white", "black", "purple", "silver", "brown")
)
BARGE_INS = ("Wait please stop now.", "No I meant something else.", "Sorry can you say why?")


class Player(MemorySink):
    """A client that begins to play a little late and tells how far it is, as often as it likes."""

    def __init__(self, stage_random: random.Random) -> None:
        super().__init__()
        self._random = stage_random
        self.words: list[tuple[str, float, float]] = []
        self.turn = 0
        self.began_at = 0.0
        self.spoken_ms = 0.0
        self.stopped_ms: float | None = None
        self.latest: dict[str, dict[str, Any]] = {}
        self.news = asyncio.Event()

    def _note(self, message: dict[str, Any]) -> None:
        super()._note(message)
        self.latest[message["type"]] = message
        self.news.set()
        if message["type"] in ("captions", "media") and message["turn"] != self.turn:
            self.turn, self.words, self.began_at, self.spoken_ms = message["turn"], [], 0.0, 0.0
            self.stopped_ms = None
        if message["type"] == "captions":
            self.words += [(w["text"], w["start_ms"], w["end_ms"]) for w in message["words"]]
        elif message["type"] == "media":
            if not self.spoken_ms:
                self.began_at = asyncio.get_running_loop().time() + self._random.uniform(0, 0.3)
            self.spoken_ms += message["frames"] * 40
        elif message["type"] == "interrupted":
            self.stopped_ms = self.position_ms()

    def position_ms(self) -> float:
        """What the student has heard of the turn."""
        if self.stopped_ms is not None or not self.spoken_ms:
            return self.stopped_ms or 0.0
        played = (asyncio.get_running_loop().time() - self.began_at) * 1000
        return min(max(0.0, played), self.spoken_ms)

    def heard(self, position_ms: float) -> list[str]:
        """Words of which the larger part was played."""
        return [text for text, start, end in self.words if (start + end) / 2 <= position_ms]


async def _until(sink: Player, kind: str, turn: int, limit_s: float = 20) -> dict[str, Any]:
    """The first message of this kind that belongs to this turn or a later one."""
    async with asyncio.timeout(limit_s):
        while sink.latest.get(kind, {}).get("turn", 0) < turn:
            sink.news.clear()
            await sink.news.wait()
    return sink.latest[kind]


def test_memory_is_what_was_played_whenever_the_student_cuts_in() -> None:
    rng = random.Random(5)
    sink = Player(rng)

    async def acknowledge(stage: Stage) -> None:
        while True:
            await asyncio.sleep(rng.uniform(0.1, 1.5))
            if sink.turn and sink.stopped_ms is None:
                stage.conversation.acknowledge(sink.turn, sink.position_ms())

    async def interrupt(stage: Stage, position: int) -> int:
        """By voice, by button, or by typing; gives where the microphone is."""
        how = rng.choice(("voice", "voice", "button", "typing"))
        if how == "voice":
            pcm = Script().say(100, rng.choice(BARGE_INS)).pcm(2200)
            await play(stage.conversation.listen, pcm, start_sample=position)
            return position + len(pcm)
        if how == "button":
            stage.conversation.interrupt()
            await asyncio.sleep(0.3)
        stage.conversation.say("What is next?", AVATAR)
        return position

    async def drive(stage: Stage) -> None:
        talking = asyncio.create_task(acknowledge(stage))
        stage.conversation.say("Tell me of rivers.", AVATAR)
        position = 0
        for turn in range(1, ROUNDS + 1):
            await _until(sink, "media", turn)
            await asyncio.sleep(rng.uniform(0.0, 6.0))
            cutting = asyncio.create_task(interrupt(stage, position))
            message = await _until(sink, "interrupted", turn)
            assert message["turn"] == turn
            if message["content"]:
                assert _last_reply(stage)[1] == message["content"], "what was told is not what is remembered"
            told_ms = message["played_ms"]  # rounded
            assert message["content"].split() in (sink.heard(told_ms - 0.5), sink.heard(told_ms + 0.5))
            heard = sink.heard(sink.position_ms())
            if rng.random() < 0.5:
                before, (at, _) = [*stage.history], _last_reply(stage)
                stage.conversation.acknowledge(turn, sink.position_ms())
                if message["content"]:
                    expected = before[:at] + ([("assistant", " ".join(heard))] if heard else []) + before[at + 1 :]
                    assert [*stage.history] == expected, "the client's word counts"
                elif not heard:
                    assert [*stage.history] == before, "nothing was heard"
            position = await cutting
        await _until(sink, "media", ROUNDS + 1)
        talking.cancel()
        await asyncio.wait([talking])

    stage = Stage(model=FakeModel(SAID), sink=sink).play_all(drive, longest_s=30 * ROUNDS)
    interrupted: set[int] = set()
    for _, message in stage.sink.log:
        if message["type"] == "interrupted":
            interrupted.add(message["turn"])
        else:
            assert message.get("turn") not in interrupted, f"stale: {message}"
    assert interrupted == set(range(1, ROUNDS + 1))


@pytest.mark.parametrize("how", ["button", "typing", "voice"])
def test_an_interruption_does_not_wait_for_a_client_that_takes_nothing(how: str) -> None:
    """The conversation is held up telling the client of a cough; the tutor is silenced all the same."""
    script = Script().cough(1500, 100).say(3000, "Wait please stop now.")

    async def drive(stage: Stage) -> None:
        conversation, sink = stage.conversation, stage.sink
        conversation.say("Tell me of rivers.", AVATAR)
        sound = asyncio.create_task(play(conversation.listen, script.pcm(8000 if how == "voice" else 2900)))
        await asyncio.sleep(1.4)
        assert "media" in sink.kinds() and "speech_started" not in sink.kinds()
        sink.stuck = asyncio.Event()
        await asyncio.sleep(1.4)
        assert conversation.speaking and sink.dropped == 0
        if how == "voice":
            await asyncio.sleep(1.2)
        elif how == "button":
            conversation.interrupt()
        else:
            conversation.say("What is next?", AVATAR)
        assert not conversation.speaking and sink.dropped == 1
        taken = len(sink.log)
        sink.stuck.set()
        await sound
        await asyncio.sleep(0.5)
        kinds = [message["type"] for _, message in sink.log[taken:]]
        assert "interrupted" in kinds
        assert all(m.get("turn") != 1 for _, m in sink.log[taken:] if m["type"] != "interrupted")
        await conversation.wait_idle()

    stage = Stage(model=FakeModel(SAID)).play_all(drive)
    assert len(stage.model.asked) == (1 if how == "button" else 2)


class ClosingSink(MemorySink):
    """Its connection is being closed: what waits can no longer be put back."""

    def drop(self, turn: int) -> None:
        super().drop(turn)
        raise ChannelClosed("outbox")


def test_a_barge_in_while_the_connection_closes_does_not_end_listening() -> None:
    script = Script().say(2000, "Wait please stop now.").say(7000, "And what do animals do?")

    async def drive(stage: Stage) -> None:
        stage.conversation.say("Tell me of rivers.", AVATAR)
        sound = asyncio.create_task(play(stage.conversation.listen, script.pcm(12_000)))
        await asyncio.sleep(4)
        stage.conversation.detach(closing)
        stage.conversation.attach(stage.sink, streaming=True, avatar=AVATAR)
        await sound

    closing, stage = ClosingSink(), Stage(model=FakeModel(SAID))
    again, stage.sink = stage.sink, closing
    stage.play_all(lambda s: _with_sink(s, again, drive))
    assert again.last("transcription")["content"] == "And what do animals do?"


async def _with_sink(stage: Stage, sink: MemorySink, drive: Drive) -> None:
    stage.sink = sink
    await drive(stage)


def test_stop_also_voids_what_was_typed_and_has_not_been_looked_at_yet() -> None:
    async def drive(stage: Stage) -> None:
        stage.conversation.say("Tell me of rivers.", AVATAR)
        stage.conversation.interrupt()
        await asyncio.sleep(5)
        assert stage.sink.log == [] and not stage.conversation.speaking
        stage.conversation.say("Tell me of hills.", AVATAR)
        await asyncio.sleep(5)

    stage = Stage(model=FakeModel(SAID)).play_all(drive)
    assert [content for role, content in stage.history if role == "user"] == ["Tell me of hills."]


def _last_reply(stage: Stage) -> tuple[int, str]:
    """Where in the history the tutor's newest words are, and what they are."""
    return max((index, content) for index, (role, content) in enumerate(stage.history) if role == "assistant")
