"""How well Mandarin voices are understood: the characters Whisper base gets wrong of 20 school sentences.

    python bench/mandarin.py                                          two Kokoro voices and espeak-ng
    python bench/mandarin.py --voice kokoro:zm_yunjian --out zh.json

Each sentence takes the way of a reply: cut into clauses, numbers and formulas in words, spoken, heard as one
recording. Both texts are compared without punctuation, numbers in words: as characters, and as syllables with their
tones, since Whisper base often writes another character of the same sound. It is told that Mandarin in simplified
characters follows; traditional ones that it writes nevertheless count as the same. Needs what ``make kokoro`` installs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from faster_whisper import WhisperModel
from pypinyin import Style, lazy_pinyin
from wetext import Normalizer
from word_errors import distance

from engine.audio.resampling import resample
from engine.items import OUTPUT_RATE, Clause
from engine.models.catalog import locate
from engine.settings import load_settings
from engine.speaking.voices import VoiceBook, build_voicebook
from engine.text.clauses import ClauseSplitter
from engine.text.speakable import speakable

SENTENCES = (
    "光合作用是植物利用阳光制造食物的过程。",
    "水是由氢和氧组成的。",
    "三角形的内角和是180度。",
    "当 $x = 5$ 的时候，$x^2 + 1$ 等于26。",
    "地球绕太阳转一圈大约需要365天。",
    "我们先把方程的两边都减去三。",
    "请你再读一遍第二段课文。",
    "光的速度大约是每秒30万公里。",
    "如果分母相同，就可以直接把分子相加。",
    "你的答案已经很接近了，再想一想。",
    "圆的面积等于圆周率乘以半径的平方。",
    "1949年10月1日，中华人民共和国成立。",
    "这个词的英语是 photosynthesis。",
    "细胞是生命的基本单位。",
    "力等于质量乘以加速度。",
    "昨天的作业你做完了吗？",
    "25%就是四分之一。",
    "长江是中国最长的河流。",
    "声音在空气中每秒传播340米。",
    "很好，我们来看下一个问题吧！",
)
PROMPT = "以下是普通话的句子。"


@dataclass(slots=True)
class Heard:
    """What Whisper got wrong of what one voice said."""

    characters: int = 0
    wrong: int = 0
    wrong_syllables: int = 0
    remarks: list[str] = field(default_factory=list)
    """A line for each sentence that was not heard as it was said."""

    def compare(self, text: str, heard: str) -> None:
        """Counts the errors in one sentence."""
        said, got = characters(text), characters(heard)
        errors = distance(said, got)
        self.characters += len(said)
        self.wrong += errors
        self.wrong_syllables += distance(syllables(said), syllables(got))
        if errors:
            self.remarks.append(f"  {errors}: {text}  heard: {heard.strip()}")

    def __str__(self) -> str:
        rates = [f"{100 * wrong / max(1, self.characters):.1f} %" for wrong in (self.wrong, self.wrong_syllables)]
        summary = f"{self.wrong} of {self.characters} characters wrong ({rates[0]}), {rates[1]} of the syllables"
        return "\n".join([summary, *self.remarks])


async def hear(book: VoiceBook, voice: str, whisper: WhisperModel) -> Heard:
    """Lets a voice say all sentences."""
    found = Heard()
    for text in SENTENCES:
        splitter = ClauseSplitter("zh")
        clauses = [*splitter.push(text), *splitter.flush()]
        pieces = [
            speech.pcm
            for index, part in enumerate(clauses)
            async for speech in book.speak(Clause(part, speakable(part, "zh"), "zh", index), voice)
        ]
        segments, _ = whisper.transcribe(
            resample(np.concatenate(pieces), OUTPUT_RATE),
            language="zh",
            beam_size=5,
            without_timestamps=True,
            initial_prompt=PROMPT,
        )
        found.compare(text, "".join(segment.text for segment in segments))
    return found


def characters(text: str) -> list[str]:
    """Simplified Chinese characters, and words of other letters, in lower case."""
    simplified = str(_simplifier().normalize(speakable(text, "zh")))
    return re.findall(r"[a-z]+|[^\W\d_a-z]", simplified.lower())


@cache
def _simplifier() -> Normalizer:
    return Normalizer(lang="zh", operator="tn", traditional_to_simple=True)


def syllables(found: Sequence[str]) -> list[str]:
    """How characters are read in their words: pinyin with the tone as a digit. Other words are left as they are."""
    return list(lazy_pinyin("".join(found), style=Style.TONE3, neutral_tone_with_five=True))


async def main() -> None:
    """Measure, print, and write the JSON."""
    parser = argparse.ArgumentParser(description="Character error rate of Mandarin voices.")
    parser.add_argument("--voice", action="append", help="a voice's id; may be given several times")
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    args = parser.parse_args()
    wanted = args.voice or ["kokoro:zf_xiaoxiao", "kokoro:zm_yunxi", "espeak:cmn"]
    book = build_voicebook(load_settings([]).model_copy(update={"voice": wanted[0]}))
    whisper = WhisperModel(str(locate("whisper-base")), device="cpu", compute_type="int8", cpu_threads=1)
    figures: dict[str, dict[str, int]] = {}
    try:
        await book.warm_up(wanted)
        for voice in wanted:
            heard = await hear(book, voice, whisper)
            counts = asdict(heard)
            del counts["remarks"]
            figures[voice] = counts
            print(f"{voice}: {heard}")
    finally:
        book.close()
    if args.out:
        await asyncio.to_thread(args.out.write_text, json.dumps(figures, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    asyncio.run(main())
