"""One long conversation full of interruptions, in virtual time: nothing stale, memory exact, always an answer.

``INTERRUPTIONS=500`` sets how many; a few are enough to find what breaks.
"""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

from conversation_stage import AVATAR, FakeModel, MemorySink, Stage
from fakes import Script, play

ROUNDS = int(os.environ.get("INTERRUPTIONS", "40"))
SAID = " ".join(f"Sentence {n} tells of river {n} and hill {n}, and of bird {n}." for n in range(10))
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

    def _note(self, message: dict[str, Any]) -> None:
        super()._note(message)
        if message["type"] in ("captions", "media") and message["turn"] != self.turn:
            self.turn, self.words, self.began_at, self.spoken_ms = message["turn"], [], 0.0, 0.0
        if message["type"] == "captions":
            self.words += [(w["text"], w["start_ms"], w["end_ms"]) for w in message["words"]]
        elif message["type"] == "media":
            if not self.spoken_ms:
                self.began_at = asyncio.get_running_loop().time() + self._random.uniform(0, 0.3)
            self.spoken_ms += message["frames"] * 40

    def position_ms(self) -> float:
        """What the student has heard of the turn."""
        if not self.spoken_ms:
            return 0.0
        played = (asyncio.get_running_loop().time() - self.began_at) * 1000
        return min(max(0.0, played), self.spoken_ms)

    def heard(self, position_ms: float) -> list[str]:
        """Words of which the larger part was played."""
        return [text for text, start, end in self.words if (start + end) / 2 <= position_ms]


async def _until(stage: Stage, kind: str, turn: int, limit_s: float = 20) -> dict[str, Any]:
    """The message of this kind and turn, or a later turn's."""
    async with asyncio.timeout(limit_s):
        while True:
            for _, message in reversed(stage.sink.log):
                if message["type"] == kind and message["turn"] >= turn:
                    return message
            await asyncio.sleep(0.02)


def test_memory_is_what_was_played_whenever_the_student_cuts_in() -> None:
    rng = random.Random(5)
    sink = Player(rng)
    gone: list[tuple[float, float]] = []

    async def acknowledge(stage: Stage) -> None:
        while True:
            await asyncio.sleep(rng.uniform(0.1, 1.5))
            if sink.turn:
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
        stage.conversation.say("What is next?", AVATAR)  # type: ignore[arg-type]
        return position

    async def drive(stage: Stage) -> None:
        talking = asyncio.create_task(acknowledge(stage))
        stage.conversation.say("Tell me of rivers.", AVATAR)  # type: ignore[arg-type]
        position = 0
        for turn in range(1, ROUNDS + 1):
            await _until(stage, "media", turn)
            await asyncio.sleep(rng.uniform(0.0, 6.0))
            stopped = asyncio.create_task(_until(stage, "interrupted", turn))
            began = asyncio.get_running_loop().time()
            position = await interrupt(stage, position)
            message = await stopped
            assert message["turn"] == turn
            at = next(at for at, m in stage.sink.log if m is message)
            gone.append((at - began, max(t for t, m in stage.sink.log if m["type"] == "media" and m["turn"] == turn)))
            kept = [m["content"] for m in stage.conversation.history.remembered if m["role"] == "assistant"]
            cut = next(iter(reversed(kept)), "") if message["content"] else ""
            assert message["content"] in (*kept, ""), "what was told is not what is remembered"
            assert SAID.startswith(cut) or not cut
            remembered.append((turn, message["content"]))
            told = message["played_ms"]
            assert sink.turn > turn or message["content"].split() == sink.heard(told)
        await _until(stage, "media", ROUNDS + 1)
        talking.cancel()
        await asyncio.wait([talking])

    remembered: list[tuple[int, str]] = []
    stage = Stage(model=FakeModel(SAID), sink=sink).play_all(drive)
    assert len(remembered) == ROUNDS
    cut_at: dict[int, float] = {}
    for at, message in stage.sink.log:
        if message["type"] == "interrupted":
            cut_at[message["turn"]] = at
        elif "turn" in message:
            assert message["turn"] not in cut_at, f"stale: {message}"
