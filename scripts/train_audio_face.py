"""Train the mouth that is driven by audio alone, and judge it on voices it was not trained on.

    python scripts/train_audio_face.py
    python scripts/train_audio_face.py --judge engine/animation/data/audio_face.npz   only judge these weights

Speaks a corpus with espeak-ng, hibari and Piper (minutes), trains a small network to reproduce the phoneme track
(minutes on one core), writes ``engine/animation/data/audio_face.npz`` and prints, as JSON, its distance from the
phoneme track and that of loudness alone, on held-out voices and sentences. Kokoro's voices, never trained on, are among
those where they are installed. ``--piper-minutes 0`` keeps the Piper voice for judging too. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent / "audio_face")]

from texts import held_out_texts, training_text  # noqa: E402
from voices import Sample, espeak_say, hibari, levelled, piper_at, resampled, say  # noqa: E402

from engine.animation.audio_driven import (  # noqa: E402
    AHEAD_STEPS,
    DILATIONS,
    OUTPUTS,
    REACH_STEPS,
    SHUT,
    TAPS,
    WEIGHTS,
    AudioFace,
)
from engine.animation.coarticulation import mouth_track, segments  # noqa: E402
from engine.animation.energy import energy_track  # noqa: E402
from engine.animation.mel import BANDS, STEPS_PER_FRAME, log_mel  # noqa: E402
from engine.animation.pose import CHANNEL, POSE_CHANNELS  # noqa: E402
from engine.animation.visemes import MOUTH_CHANNELS, VISEME  # noqa: E402
from engine.items import FPS, FRAME_SAMPLES, FloatArray  # noqa: E402
from engine.models.catalog import locate  # noqa: E402
from engine.rendering.torch_threads import use_one_thread  # noqa: E402
from engine.settings import load_settings  # noqa: E402
from engine.speaking.voices import build_voicebook  # noqa: E402

WIDTH = 96
CROP_FRAMES = 100
TRAINING_VOICES = (
    *(f"en-us+{v}" for v in ("m1", "m2", "m3", "m5", "m8", "f1", "f2", "f4", "f5", "klatt", "klatt3", "Annie", "Andy",
                             "Gene", "Michael", "linda", "adam", "steph", "victor", "belinda")),
    *(f"en-gb-x-rp+{v}" for v in ("m1", "m4", "f2", "Alex", "max", "anika", "john", "aunty")),
    *(f"de+{v}" for v in ("m2", "f1", "Mario")), *(f"es+{v}" for v in ("m4", "f5", "pedro")),
    *(f"it+{v}" for v in ("m5", "f2")), *(f"pl+{v}" for v in ("m1", "f4")), *(f"cmn+{v}" for v in ("m3", "f2", "f5")),
)  # fmt: skip
HELD_OUT_VOICES = ("en-us+f3", "en-us+m7", "en-gb-x-rp+Alicia", "en-us+klatt4", "fr+Denis", "pt+m6", "cmn+f3")
HELD_OUT_KOKORO = ("kokoro:af_heart", "kokoro:am_michael", "kokoro:bf_emma", "kokoro:zf_xiaoxiao")
HIBARI_PITCH, HIBARI_STRETCH = (0.5, 1.4), (0.85, 1.25)
"""Speakers to train on lie evenly between these."""

CHANNEL_WEIGHTS = {"jaw_open": 4.0, "mouth_close": 2.0, "mouth_funnel": 2.0, "mouth_pucker": 2.0, "lip_bite": 1.5}


@dataclass(frozen=True)
class Example:
    mel: FloatArray
    """(4 f, BANDS)"""
    track: FloatArray
    """(f, MOUTH_CHANNELS), the phoneme track"""


def target_of(sample: Sample, frames: int) -> FloatArray:
    times = ((np.arange(frames) + 0.5) / FPS).astype(np.float32)
    return mouth_track(segments(sample.phonemes, language=sample.language), times)


def roughened(pcm: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Change the level, add noise and sometimes a low-pass, to imitate other voices and services."""
    pcm = levelled(pcm, float(rng.normal(-20, 3)))
    if rng.random() < 0.3:
        spectrum = np.fft.rfft(pcm)
        hz = np.fft.rfftfreq(len(pcm), 1 / 24000)
        spectrum /= np.sqrt(1 + (hz / rng.uniform(2500, 7000)) ** 4)
        pcm = np.fft.irfft(spectrum, len(pcm)).astype(np.float32)
    if rng.random() < 0.6:
        noise = rng.standard_normal(len(pcm)).astype(np.float32)
        if rng.random() < 0.5:
            noise = np.convolve(noise, np.ones(8, dtype=np.float32) / 3, "same")
        pcm = pcm + noise * np.float32(10 ** (rng.uniform(-70, -40) / 20))
    return np.asarray(pcm, dtype=np.float32)


def example(sample: Sample, rng: np.random.Generator) -> Example:
    pad = np.zeros(int(rng.uniform(0.1, 0.5) * 24000), dtype=np.float32)
    shift = len(pad) / 24
    sample = replace(
        sample,
        pcm=np.concatenate((pad, sample.pcm, pad)),
        phonemes=tuple(replace(p, start_ms=p.start_ms + shift, end_ms=p.end_ms + shift) for p in sample.phonemes),
    )
    frames = len(sample.pcm) // FRAME_SAMPLES
    pcm = roughened(sample.pcm[: frames * FRAME_SAMPLES], rng)
    return Example(log_mel(pcm), target_of(sample, frames))


def training_samples(
    minutes: float, hibari_minutes: float, piper: Path, piper_minutes: float, rng: np.random.Generator
) -> list[Sample]:
    samples: list[Sample] = []
    seconds = 0.0
    while seconds < minutes * 60:
        voice = str(rng.choice(TRAINING_VOICES))
        text = training_text(rng, voice.split("+")[0])
        said = espeak_say(text, voice, int(rng.integers(120, 240)))
        samples.append(resampled(said, float(rng.uniform(0.84, 1.2))))
        seconds += len(said.pcm) / 24000
    seconds = 0.0
    with hibari() as speakers:
        while seconds < hibari_minutes * 60:
            pitch, stretch = rng.uniform(*HIBARI_PITCH), rng.uniform(*HIBARI_STRETCH)
            voice = speakers.variant(f"hibari:heart?pitch={pitch:.3f}&stretch={stretch:.3f}")
            said = say(speakers, training_text(rng, "en"), voice)
            samples.append(resampled(said, float(rng.uniform(0.85, 1.2))))
            seconds += len(said.pcm) / 24000
    seconds = 0.0
    while seconds < piper_minutes * 60:
        with piper_at(piper, float(rng.uniform(0.75, 1.35)), float(rng.uniform(0.3, 0.9))) as synthesizer:
            for _ in range(40):
                said = say(synthesizer, training_text(rng, "en"), synthesizer.voices[0])
                samples.append(resampled(said, float(rng.uniform(0.8, 1.25))))
                seconds += len(said.pcm) / 24000
    return samples


def held_out_samples(piper: Path) -> dict[str, list[Sample]]:
    found: dict[str, list[Sample]] = {}
    for voice in HELD_OUT_VOICES:
        texts = held_out_texts(voice.split("+")[0])
        found[voice] = [espeak_say(text, voice, 150 + 10 * i) for i, text in enumerate(texts)]
    with piper_at(piper, 1.0, 0.667) as synthesizer:
        found["piper joe"] = [say(synthesizer, text, synthesizer.voices[0]) for text in held_out_texts("en")]
    with hibari() as speakers:
        for each in speakers.voices:
            found[each.id] = [say(speakers, text, each) for text in held_out_texts("en")]
    return found | kokoro_samples()


def kokoro_samples() -> dict[str, list[Sample]]:
    """Held-out sentences by some Kokoro voices; empty where they are not installed."""
    book = build_voicebook(load_settings([]))
    known = {voice.id: voice for voice in book.voices}
    found = {}
    for voice in (known[name] for name in HELD_OUT_KOKORO if name in known):
        texts = held_out_texts("cmn" if voice.language == "zh" else voice.language)
        found[voice.id] = [say(book.choose(voice.language, voice.id)[0], text, voice) for text in texts]
    book.close()
    return found


class Network(nn.Module):
    """The same arithmetic as ``AudioFace.predict``, in torch, without the padding at the ends."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [BANDS] + [WIDTH] * len(DILATIONS)
        strides = [1] * (len(DILATIONS) - 1) + [STEPS_PER_FRAME]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(a, b, TAPS, dilation=d, stride=s)
            for a, b, d, s in zip(sizes, sizes[1:], DILATIONS, strides, strict=False)
        )
        self.dropout = nn.Dropout(0.1)
        self.last = nn.Linear(WIDTH, OUTPUTS)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        x = mel.transpose(1, 2)
        for i, convolution in enumerate(self.convolutions):
            y = functional.relu(convolution(x))
            if i:
                stride = convolution.stride[0]
                start = (TAPS - 2) * DILATIONS[i]
                y = y + x[:, :, start::stride][:, :, : y.shape[2]]
            x = self.dropout(y)
        return self.last(x.transpose(1, 2))

    def export(self) -> dict[str, np.ndarray]:
        """Weights as ``AudioFace`` takes them, in half precision."""
        weights = {}
        for i, convolution in enumerate(self.convolutions):
            kernel = convolution.weight.detach().permute(2, 1, 0).reshape(-1, WIDTH)
            weights |= {f"w{i}": kernel.numpy(), f"b{i}": convolution.bias.detach().numpy()}
        count = len(self.convolutions)
        weights |= {f"w{count}": self.last.weight.detach().T.numpy(), f"b{count}": self.last.bias.detach().numpy()}
        return {name: value.astype(np.float16) for name, value in weights.items()}


def batch(examples: list[Example], rng: np.random.Generator, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random crops with the context that the network sees; the audio is varied a little more."""
    lead, trail = REACH_STEPS - AHEAD_STEPS - STEPS_PER_FRAME // 2, AHEAD_STEPS + STEPS_PER_FRAME // 2
    silence = log_mel(np.zeros(FRAME_SAMPLES, dtype=np.float32))[:1]
    mels, tracks = [], []
    for i in rng.integers(0, len(examples), size):
        chosen = examples[i]
        frames = len(chosen.track)
        start = int(rng.integers(0, max(1, frames - CROP_FRAMES + 1)))
        mel = np.concatenate((np.repeat(silence, lead, 0), chosen.mel, np.repeat(silence, trail + 4 * CROP_FRAMES, 0)))
        mel = mel[4 * start : 4 * (start + CROP_FRAMES) + lead + trail]
        bands = np.arange(BANDS) * rng.uniform(0.94, 1.06) + rng.uniform(-1, 1)
        low = np.clip(bands.astype(int), 0, BANDS - 2)
        mix = np.clip(bands - low, 0, 1).astype(np.float32)
        tilt = np.linspace(-1, 1, BANDS, dtype=np.float32) * np.float32(rng.normal(0, 0.08))
        mels.append(mel[:, low] * (1 - mix) + mel[:, low + 1] * mix + tilt)
        track = chosen.track[start : start + CROP_FRAMES]
        tracks.append(np.pad(track, ((0, CROP_FRAMES - len(track)), (0, 0))))
    return torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(tracks))


def train(examples: list[Example], steps: int, rng: np.random.Generator, size: int = 16) -> Network:
    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps, pct_start=0.1)
    weights = torch.tensor([CHANNEL_WEIGHTS.get(c, 1.0) for c in POSE_CHANNELS[:MOUTH_CHANNELS]])
    started = time.monotonic()
    for step in range(steps):
        mel, track = batch(examples, rng, size)
        logits = network(mel)
        error = (torch.sigmoid(logits[..., :MOUTH_CHANNELS]) - track) ** 2
        shut = (track[..., CHANNEL["mouth_close"]] > 0.9).float()
        sure = functional.binary_cross_entropy_with_logits(logits[..., SHUT], shut, pos_weight=torch.tensor(1.5))
        loss = (error * weights).mean() + 0.05 * sure
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.4f} {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return network.eval()


def judge(track: FloatArray, wanted: FloatArray, sample: Sample) -> dict[str, float]:
    """Distance of a mouth from the phoneme track of the same utterance."""
    jaw, close = CHANNEL["jaw_open"], CHANNEL["mouth_close"]
    timeline = segments(sample.phonemes, language=sample.language)
    centres = [
        (a + b) / 2
        for v, a, b, s in zip(timeline.viseme, timeline.start_s, timeline.end_s, timeline.strength, strict=True)
        if v == VISEME["PP"] and s == 1
    ]
    times = (np.arange(len(track)) + 0.5) / FPS
    shut = track[:, close] > 0.8
    hits = [bool(shut[np.abs(times - c) <= 0.06].any()) for c in centres]
    false = shut & ~(np.abs(times[:, None] - np.array([*centres, -9])).min(axis=1) <= 0.1)
    return {
        "jaw_correlation": float(np.corrcoef(track[:, jaw], wanted[:, jaw])[0, 1]) if track[:, jaw].std() else 0.0,
        "closure_recall": float(np.mean(hits)) if hits else float("nan"),
        "false_closures_per_s": float(false.sum() / (len(track) / FPS)),
        **{f"mae_{c}": float(np.abs(track - wanted)[:, i].mean()) for c, i in CHANNEL.items() if i < MOUTH_CHANNELS},
        "mae": float(np.abs(track - wanted).mean()),
    }


def report(face: AudioFace, held_out: dict[str, list[Sample]]) -> dict[str, dict[str, dict[str, float]]]:
    """For every held-out voice: the network, loudness alone, and a mouth that never moves."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for voice, samples in held_out.items():
        rows: dict[str, list[dict[str, float]]] = {"network": [], "loudness": [], "rest": []}
        for sample in samples:
            pcm = levelled(sample.pcm)
            wanted = target_of(sample, len(pcm) // FRAME_SAMPLES)
            rows["network"].append(judge(face(pcm), wanted, sample))
            rows["loudness"].append(judge(energy_track(pcm), wanted, sample))
            rows["rest"].append(judge(np.zeros_like(wanted), wanted, sample))
        found[voice] = {k: {m: round(float(np.nanmean([r[m] for r in v])), 4) for m in v[0]} for k, v in rows.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--piper", type=Path, help="aligned Piper voice (.onnx); the embedded one when left out")
    parser.add_argument("--minutes", type=float, default=20, help="of espeak-ng to train on")
    parser.add_argument("--hibari-minutes", type=float, default=10, help="of hibari's network, by many speakers")
    parser.add_argument("--piper-minutes", type=float, default=6, help="of the Piper voice; 0 keeps it for judging")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--judge", type=Path, metavar="WEIGHTS", help="train nothing, judge these weights")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    use_one_thread()
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    piper = options.piper or locate("piper-en_US-joe-medium")
    made: Path = options.judge or options.out
    if not options.judge:
        samples = training_samples(options.minutes, options.hibari_minutes, piper, options.piper_minutes, rng)
        examples = [example(sample, rng) for sample in samples]
        print(f"{len(examples)} utterances", file=sys.stderr, flush=True)
        network = train(examples, options.steps, rng)
        made.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(made, **network.export())
    with np.load(made, allow_pickle=False) as stored:
        face = AudioFace({name: stored[name] for name in stored.files})
    size = made.stat().st_size
    print(json.dumps({"bytes": size, "voices": report(face, held_out_samples(piper))}, indent=1))


if __name__ == "__main__":
    main()
