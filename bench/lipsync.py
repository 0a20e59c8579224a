"""Lip sync measured on pictures: does the visible mouth fit the audio?

    python bench/lipsync.py                         # held-out sentences, five voices, rendered
    python bench/lipsync.py --sound-only            # the same without phoneme times
    python bench/lipsync.py --voices kokoro:zf_xiaoxiao   # a Mandarin voice says Mandarin sentences
    python bench/lipsync.py --through clip          # encoded as MP4 clips and decoded; or: stream
    python bench/lipsync.py --file reply.mp4        # any recording of the tutor

Speaks sentences with the engine's voices, animates and draws them, and finds the mouth in the pixels
(``mouth_pixels.py``). Offsets are positive when the picture is late. Prints a table; ``--out`` writes everything as
JSON. Controls: another sentence's audio, and audio 200 ms early and late.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from lipsync_figures import Seen, summary  # noqa: E402
from mouth_pixels import MouthBox, features, mouth_box, openings  # noqa: E402

from engine.animation.idle_motion import IdleMotion  # noqa: E402
from engine.animation.reply_animator import ReplyAnimator  # noqa: E402
from engine.animation.visemes import viseme_pose  # noqa: E402
from engine.contracts import FrameRequest  # noqa: E402
from engine.items import (  # noqa: E402
    FPS,
    OUTPUT_RATE,
    Clause,
    MediaFrame,
    Phoneme,
    Picture,
    Speech,
)
from engine.rendering.puppet.renderer import PuppetRenderer  # noqa: E402
from engine.settings import load_settings  # noqa: E402
from engine.speaking.voices import VoiceBook, build_voicebook  # noqa: E402
from engine.transport.media.clips import ClipWriter  # noqa: E402
from engine.transport.media.encoders import MediaFormat  # noqa: E402
from engine.transport.media.fragments import FragmentWriter  # noqa: E402

FloatArray = npt.NDArray[np.float64]

SENTENCES = (
    "My brother Ben probably bought a map before the boat came back.",
    "Five very brave wolves live in a cave above the foggy valley.",
    "The blue moon shows through the smooth window of our school room.",
    "Please keep these three green leaves beneath the clean sheet.",
    "Papa and Mama hope to remember the happy summer by the bay.",
    "You should choose a good book, and move the wooden stool for Sue.",
    "Half of the family found the coffee far too heavy for a knife.",
    "We may also jump, but people above the bridge stop and wave.",
)
MANDARIN = (
    "爸爸妈妈买了八个白面包。",
    "朋友们把苹果放在木盆里面。",
    "飞机飞过美丽的北方平原。",
    "比赛明天八点半开始，别忘了报名。",
    "我们慢慢地爬上了北边的山坡。",
    "他发现鸟妈妈飞到了屋顶旁边。",
    "请把这本书放到门边的木板上。",
    "秘密花园里面有一棵漂亮的苹果树。",
)
VOICES = ("hibari:heart", "hibari:tenor", "piper:en_US-joe-medium", "espeak:en-us", "espeak:en-gb-x-rp")

# --- making pictures


def speak(book: VoiceBook, voice_id: str, text: str) -> list[Speech]:
    """One sentence of one voice, as the engine's pipeline gets it."""
    voice = book.voice(voice_id)
    synthesizer, _ = book.choose(voice.language, voice_id)

    async def collect() -> list[Speech]:
        clause = Clause(text, text, voice.language, 0)
        return [speech async for speech in synthesizer.speak(clause, voice)]

    return asyncio.run(collect())


def phonemes_of(pieces: Sequence[Speech]) -> tuple[Phoneme, ...]:
    found: list[Phoneme] = []
    at = 0.0
    for piece in pieces:
        found += [replace(p, start_ms=p.start_ms + at, end_ms=p.end_ms + at) for p in piece.phonemes]
        at += piece.duration_ms
    return tuple(found)


def perform(renderer: PuppetRenderer, avatar_id: str, pieces: Sequence[Speech], seed: int) -> list[MediaFrame]:
    """Animate and draw it as a reply."""
    avatar = renderer.load(avatar_id)
    animator = ReplyAnimator(IdleMotion(seed), 100.0)
    frames = [frame for piece in pieces for frame in animator.feed(piece)] + animator.finish()
    pictures = [
        picture
        for i in range(0, len(frames), 8)
        for picture in renderer.render([FrameRequest(avatar, f, 0.0, "bench") for f in frames[i : i + 8]])
    ]
    return [MediaFrame(0, f.index, f.pcm, p, f.speaking) for f, p in zip(frames, pictures, strict=True)]


def rest_pictures(renderer: PuppetRenderer, avatar_id: str, seed: int) -> list[Picture]:
    """The same face at rest."""
    avatar, idle_motion = renderer.load(avatar_id), IdleMotion(seed)
    frames = [idle_motion.idle_frame(100 + i / 5, "speaking") for i in range(12)]
    return renderer.render([FrameRequest(avatar, frame, 0.0, "bench") for frame in frames])


def ah_picture(renderer: PuppetRenderer, avatar_id: str) -> Picture:
    """A wide open mouth, to compare with."""
    frame = replace(IdleMotion(0).idle_frame(0.0), pose=viseme_pose("aa"))
    return renderer.render([FrameRequest(renderer.load(avatar_id), frame, 0.0, "bench")])[0]


def through_codec(frames: Sequence[MediaFrame], how: str, size: int) -> bytes:
    """The reply as a client gets it: a whole MP4 clip, or the joined fragments of a stream."""
    form = MediaFormat(width=size, height=size)
    if how == "clip":
        clip = ClipWriter(form)
        for frame in frames:
            clip.add(frame)
        return clip.finish()
    stream = FragmentWriter(form)
    parts = [stream.init_segment]
    parts += [stream.add(frames[i : i + 5]) for i in range(0, len(frames), 5)]
    return b"".join([*parts, stream.finish()])


def decode(data: bytes, box_of: str, phonemes: tuple[Phoneme, ...] = ()) -> Seen:
    """Pictures and audio of a file, placed by their presentation times."""
    seen: dict[int, FloatArray] = {}
    sound: list[tuple[int, npt.NDArray[np.float32]]] = []
    resampler = av.AudioResampler(format="flt", layout="mono", rate=OUTPUT_RATE)
    with av.open(io.BytesIO(data), mode="r") as container:
        box: MouthBox | None = None
        for frame in container.decode(video=0, audio=0):
            if isinstance(frame, av.VideoFrame):
                box = box or mouth_box(box_of, frame.width)
                seen[round(float(frame.time or 0) * FPS)] = features(
                    frame.to_ndarray(format="yuv420p").astype(np.uint8, copy=False), box
                )
            elif isinstance(frame, av.AudioFrame):
                start = round(float(frame.time or 0) * OUTPUT_RATE)
                for part in resampler.resample(frame):
                    block = part.to_ndarray().reshape(-1).astype(np.float32)
                    sound.append((start, block))
                    start += len(block)
    pcm = np.zeros(max(start + len(block) for start, block in sound), dtype=np.float32)
    for start, block in sound:
        pcm[max(start, 0) : start + len(block)] = block[max(-start, 0) :]
    last = max(seen)
    rows = [seen[max(k for k in seen if k <= i)] for i in range(last + 1)]
    return Seen(np.stack(rows), pcm, phonemes)


# --- the command


def run(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    book = build_voicebook(load_settings([]))
    renderer = PuppetRenderer(size=options.size)
    box = mouth_box(options.avatar, options.size)
    ah = features(ah_picture(renderer, options.avatar).yuv, box)
    report: dict[str, dict[str, Any]] = {}
    try:
        for voice in options.voices.split(","):
            utterances = []
            language = book.voice(voice).language
            texts = MANDARIN if language == "zh" else SENTENCES
            for seed, text in enumerate(texts[: options.sentences]):
                pieces = speak(book, voice, text)
                phonemes = phonemes_of(pieces)
                if options.sound_only:
                    pieces = [replace(piece, phonemes=()) for piece in pieces]
                frames = perform(renderer, options.avatar, pieces, seed)
                if options.through:
                    seen = decode(through_codec(frames, options.through, options.size), options.avatar, phonemes)
                else:
                    rows = np.stack([features(f.picture.yuv, box) for f in frames if f.picture])
                    seen = Seen(rows, np.concatenate([f.pcm for f in frames]), phonemes)
                quiet = rest_pictures(renderer, options.avatar, seed)
                seen.rest = np.stack([features(picture.yuv, box) for picture in quiet])
                seen.language = language
                seen.wide = float(openings(ah[None], seen.rest)[0])
                utterances.append(seen)
            report[voice] = summary(utterances)
            print_table(voice, report[voice])
    finally:
        renderer.close()
        book.close()
    return report


def print_table(title: str, figures: dict[str, Any]) -> None:
    print(f"\n{title}")
    for name, value in figures.items():
        if name != "confusion":
            print(f"  {name:28} {value}")
    if table := figures.get("confusion"):
        print("  said / looks like" + "".join(f"{name:>10}" for name in table))
        for name, row in table.items():
            print(f"  {name:17}" + "".join(f"{count:10}" for count in row.values()))
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", default=",".join(VOICES), help="comma separated")
    parser.add_argument("--avatar", default="avatar_tutor_13")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--sentences", type=int, default=len(SENTENCES))
    parser.add_argument("--sound-only", action="store_true", help="drive the mouth by sound alone")
    parser.add_argument("--through", choices=("clip", "stream"), help="encode and decode as a client would")
    parser.add_argument("--file", type=Path, help="measure this recording instead")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    options = parser.parse_args()
    if options.file:
        report = {options.file.name: summary([decode(options.file.read_bytes(), options.avatar)])}
        print_table(options.file.name, report[options.file.name])
    else:
        report = run(options)
    if options.out:
        options.out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
