"""Spoken sentences with a place for a pause, for the benchmarks of turn taking.

The engine's synthesizers speak each sentence as a whole, so that its intonation continues over the gap, and give the
times of its words; the pause is inserted between two of them. The first part is spoken by itself, too. Changing the
sample rate makes further speakers of each voice: higher and faster, or lower and slower.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np

from engine.audio.resampling import resample
from engine.concurrency.worker import Worker
from engine.contracts import Synthesizer, Voice
from engine.items import INPUT_RATE, OUTPUT_RATE, Clause, FloatArray, Speech
from engine.models.catalog import locate
from engine.speaking.espeak import EspeakSynthesizer
from engine.speaking.piper import PiperSynthesizer

SENTENCES = (
    # after a word that calls for more
    "I was wondering if the | moon has its own light.",
    "What is the difference between | a planet and a star?",
    "Can you explain how | plants make their food?",
    "I think the answer is | twenty four.",
    "Because the | water gets warm and rises.",
    "So the first step is to | add both numbers.",
    "Why do we | need to sleep every night?",
    "Could you tell me about | the roman empire?",
    "How many | legs does a spider have?",
    "I don't understand why | the sky is blue.",
    "Is it true that | light is faster than sound?",
    "My teacher said that | energy is never lost.",
    "What happens when | you heat a gas?",
    "I would like to learn | something about volcanoes.",
    # between clauses
    "If I have three apples, | how many can I give away?",
    "When the sun goes down, | where does it go?",
    "I read the chapter, but | I did not get the last part.",
    "First we multiply, and then | we divide by two.",
    "I know what a cell is, | but what is a nucleus?",
    "The heart pumps blood, | and the lungs bring oxygen.",
    # where the first part could stand alone
    "I like physics | because it explains so much.",
    "Please help me | with my homework.",
    "That is the answer | to the second question.",
    "Tell me a story | about a dragon.",
)
"""The bar marks the hesitation. Used for tuning."""

SECOND = (
    # after a word that calls for more
    "What makes the | tide rise and fall?",
    "I believe that | whales are mammals.",
    "Where does the | food go after the stomach?",
    "Do you know if | snakes can hear?",
    "The capital of France is | Paris, I guess.",
    "How does a | battery store energy?",
    "We need to divide by | the number of people.",
    "When did the | dinosaurs die out?",
    # between clauses
    "If a triangle has two equal sides, | what is it called?",
    "I tried to solve it, but | the result was negative.",
    "Ice floats on water, | so it must be lighter.",
    "Since the earth turns, | we have day and night.",
    "I can read the clock, | but I mix up the hands.",
    # where the first part could stand alone
    "I finished the exercise | on page twelve.",
    "It gets dark | when the sun sets.",
    "What is a metaphor | in a poem?",
    "That sounds strange | to me.",
    "Can we do another one | with fractions?",
    # requests
    "Please tell me about | the solar system.",
    "Explain the difference | between weather and climate.",
    "Tell me about the water cycle | and why it matters.",
    "Describe the | life of a butterfly.",
    "Show me how | to multiply two fractions.",
    "Please explain why the | leaves change their colour.",
)
"""Used for tuning too, after a policy tuned on the others had cut off 20 % of them at 0.6 s."""

HELD_OUT = (
    "Can you explain the | quadratic formula one more time?",
    "I think the answer is | forty-two.",
    "So do I multiply by | the denominator first?",
    "I don't get why the | negative sign disappears.",
    "Is it because | the angles add up to one hundred eighty?",
    "The mitochondria | make energy for the cell, right?",
    "We learned about | photosynthesis last week, but I missed the class.",
    "It's when water | turns into vapor and goes up.",
    "Could we go over | number seven again, please?",
    "My teacher said that | atoms are mostly empty space.",
    "Um, Napoleon was the | emperor of France, I guess.",
    "I know it started in | nineteen fourteen, but I forget why.",
    "Was it the treaty of | Versailles that ended the war?",
    'How do you say | "yesterday" in Spanish?',
    "Is this verb | irregular?",
    "I always mix up | ser and estar.",
    "I have a test on | Thursday, and I'm kind of nervous.",
    "Because if you divide by zero, | it doesn't make sense.",
    "I got | three fifths, but the book says something else.",
    "You move the x to | the other side, and then subtract five.",
    "Wait, | where did that two come from?",
    "I understand the first part, but | not how you got the second line.",
    "The poem is about | losing someone, maybe his brother.",
    "What's the difference between a | simile and a metaphor?",
    "Can I use my | calculator for this one?",
    "No, I haven't | started the essay yet.",
    "I want to write about | climate change, or maybe recycling.",
    "The main character is | kind of selfish at the beginning.",
    "It's called a | hypotenuse, I think.",
    "Then the force would be | twenty newtons.",
    "Does the current | stay the same in a series circuit?",
    "Plants need sunlight, water, and | carbon dioxide.",
    "I was at | soccer practice, so I didn't finish it.",
    "Could you give me | an easier example?",
    "The capital of Australia is | Canberra, not Sydney.",
    "Why do the | seasons change if the sun doesn't move?",
    'Should I put a comma | before "because"?',
    "My little brother asked me | why the sky is blue.",
    "Well, the Romans | built roads so their army could travel faster.",
    "So the slope is | negative two over three?",
    "I tried to factor it, but | nothing works.",
    "Is a whale | a mammal or a fish?",
    "In French, the adjective | goes after the noun, usually.",
    "I'd rather | do some chemistry today, if that's okay.",
    "It looks like a | parabola that opens downward.",
    "The loop keeps running until | the counter reaches ten.",
    "How many | electrons does oxygen have in the outer shell?",
    "I just don't see how | supply and demand set the price.",
)
"""Written by somebody who did not know the policy; not used for tuning, and spoken by other voices."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice, and the factor by which its audio is sped up."""

    voice: str
    speed: float

    @property
    def name(self) -> str:
        return f"{self.voice} x{self.speed:g}"


SPEAKERS = (
    Speaker("piper:en_US-joe-medium", 1.0),
    Speaker("piper:en_US-joe-medium", 1.18),
    Speaker("piper:en_US-joe-medium", 0.87),
    Speaker("espeak:en-us", 1.0),
    Speaker("espeak:en-gb", 1.15),
)

HELD_OUT_SPEAKERS = (
    Speaker("piper:en_US-joe-medium", 1.08),
    Speaker("piper:en_US-joe-medium", 0.93),
    Speaker("espeak:en-us-nyc", 1.0),
    Speaker("espeak:en-gb-scotland", 1.1),
    Speaker("espeak:en-gb-x-rp", 0.95),
)


@dataclass(frozen=True, slots=True)
class Clip:
    """One sentence by one speaker."""

    speaker: str
    text: str
    before: FloatArray
    """(n,) float32 16 kHz, up to the hesitation; no silence around it."""

    after: FloatArray
    """The rest."""

    alone: FloatArray
    """The first part again, spoken by itself, with a comma or a filler after it."""


def clips(sentences: tuple[str, ...], speakers: tuple[Speaker, ...]) -> list[Clip]:
    """Every sentence by every speaker."""
    return asyncio.run(_make(sentences, speakers))


async def _make(sentences: tuple[str, ...], speakers: tuple[Speaker, ...]) -> list[Clip]:
    piper = PiperSynthesizer([locate("piper-en_US-joe-medium")], Worker("piper"))
    espeak = EspeakSynthesizer()
    made = []
    try:
        for speaker in speakers:
            source: Synthesizer = piper if speaker.voice.startswith("piper") else espeak
            voice = next(voice for voice in source.voices if voice.id == speaker.voice)
            made += [await _clip(source, voice, speaker, sentence) for sentence in sentences]
    finally:
        piper.close()
        espeak.close()
    return made


async def _clip(source: Synthesizer, voice: Voice, speaker: Speaker, sentence: str) -> Clip:
    first, _, second = (part.strip() for part in sentence.partition("|"))
    text = f"{first} {second}"
    pieces: list[Speech] = [piece async for piece in source.speak(Clause(text, text, "en", 0), voice)]
    pcm = np.concatenate([piece.pcm for piece in pieces])
    words, offset = [], 0.0
    for piece in pieces:
        words += [(word.start_ms + offset, word.end_ms + offset) for word in piece.words]
        offset += piece.duration_ms
    index = len(first.split())
    cut_ms = (words[index - 1][1] + words[index][0]) / 2
    cut = int(cut_ms * OUTPUT_RATE / 1000)
    before, after = (resample(part, round(OUTPUT_RATE * speaker.speed), INPUT_RATE) for part in (pcm[:cut], pcm[cut:]))
    stopped = first if first[-1] in ",.?" else f"{first}, um," if len(first) % 3 == 0 else f"{first},"
    by_itself = np.concatenate([piece.pcm async for piece in source.speak(Clause(stopped, stopped, "en", 0), voice)])
    alone = resample(by_itself, round(OUTPUT_RATE * speaker.speed), INPUT_RATE)
    return Clip(speaker.name, text, trimmed(before), trimmed(after), trimmed(alone))


def trimmed(pcm: FloatArray) -> FloatArray:
    """Without the silence around it (40 dB below its loudest 10 ms), with faded ends."""
    size = INPUT_RATE // 100
    levels = np.sqrt((pcm[: len(pcm) // size * size].reshape(-1, size) ** 2).mean(axis=1))
    loud = np.nonzero(levels > levels.max() * 0.01)[0]
    cut = pcm[loud[0] * size : (loud[-1] + 1) * size].copy()
    fade = np.linspace(0, 1, size, dtype=np.float32)
    cut[:size] *= fade
    cut[-size:] *= fade[::-1]
    return cut
