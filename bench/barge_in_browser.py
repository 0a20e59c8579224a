"""The student speaks over the tutor, in Chromium, with a recording as the microphone.

    python bench/barge_in_browser.py --turns 8

The microphone and the tutor's audio are measured on one clock (ears.js). Prints the ms from the first loud sound at the
microphone to ``duck``, to ``interrupted`` and to the tutor's last sound above -50 dBFS, and how much audio of the old
answer came after ``interrupted``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import wave
from pathlib import Path
from typing import Any

import numpy as np
from client import http_session, machine, percentile, started_engine
from piper import PiperVoice
from webrtc_browser import ARGUMENTS, AVATAR, TUTOR

from engine.models.catalog import locate

EARS = Path(__file__).with_name("ears.js").read_text()
QUESTION = "Tell me a long story about the sea and everything that lives in it."
INTERJECTION = "Wait a moment please. What is a fraction?"
QUIET_S, SPEAKING, AUDIBLE = 1.0, 0.02, 0.003
MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

CONNECT = """
async ({session, avatarId, question}) => {
  const { TutorClient } = await import("/static/client.js");
  document.body.replaceChildren();
  const video = document.body.appendChild(document.createElement("video"));
  video.playsInline = true;
  window.tutor = new TutorClient({
    engineUrl: session.engine_url, token: session.engine_token, video, avatarId, transport: "webrtc",
  });
  await tutor.connect();
  tutor.say(question);
}
"""
HEARD = "level => ears.levels.slice(-50).some(([, , tutor]) => tutor > level)"
ANSWERED = "ears.events.some(([, m]) => m.type === 'playing' && m.turn === 2)"


def write_interjection(path: Path) -> None:
    """A second of silence, ``INTERJECTION``, and silence to the end of the run."""
    model = locate("piper-en_US-joe-medium")
    voice = PiperVoice.load(next(model.glob("*.onnx")) if model.is_dir() else model)
    chunks = list(voice.synthesize(INTERJECTION))
    rate = chunks[0].sample_rate
    before, after = np.zeros(int(QUIET_S * rate), np.int16), np.zeros(40 * rate, np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.concatenate([before, *(chunk.audio_int16_array for chunk in chunks), after]).tobytes())


async def interrupt(playwright: Any, base: str, recording: Path) -> dict[str, float]:
    """One interruption; ms, see above."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    arguments = [a for a in ARGUMENTS if a != "--mute-audio"]
    arguments += [*MICROPHONE, f"--use-file-for-fake-audio-capture={recording}%noloop"]
    async with http_session() as http:
        async with http.post(f"{base}/v1/sessions", json={"tutor_id": TUTOR, "student_id": 1}) as reply:
            session = await reply.json()
        browser = await playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = await browser.new_page(bypass_csp=True)
        await page.add_init_script(EARS)
        await page.goto(f"{base}/openapi.json")
        await page.evaluate(CONNECT, {"session": session, "avatarId": AVATAR, "question": QUESTION})
        await page.wait_for_function(HEARD, arg=AUDIBLE, timeout=60_000)
        await page.evaluate("tutor.openMicrophone()")
        await page.wait_for_function(ANSWERED, timeout=60_000)
        ears = await page.evaluate("ears")
        await browser.close()
        async with http.delete(f"{base}/v1/sessions/{session['session_id']}"):
            pass
    return judge(ears)


def judge(ears: dict[str, Any]) -> dict[str, float]:
    """Figures of one interruption from the measured levels and events."""
    levels = np.array(ears["levels"])
    at = {(event["type"], event.get("turn", 0)): seconds for seconds, event in reversed(ears["events"])}
    onset = levels[levels[:, 1] > SPEAKING, 0][0]
    old = levels[(levels[:, 0] > onset) & (levels[:, 0] < at["playing", 2]) & (levels[:, 2] > AUDIBLE), 0]
    silent_at = old[-1] if len(old) else onset
    interrupted = at["interrupted", 1]
    return {
        "turned down": (at.get(("duck", 0), interrupted) - onset) * 1000,
        "interrupted": (interrupted - onset) * 1000,
        "inaudible": (silent_at - onset) * 1000,
        "sound after interrupted": max(0.0, (silent_at - interrupted) * 1000),
    }


async def run(base: str, turns: int) -> list[dict[str, float]]:
    """So many interruptions, after one that does not count."""
    from playwright.async_api import async_playwright

    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "interjection.wav"
        write_interjection(recording)
        async with async_playwright() as playwright:
            return [await interrupt(playwright, base, recording) for _ in range(turns + 1)][1:]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    with started_engine(log_path=args.out / "barge-in-engine.log") as (base, _):
        turns = asyncio.run(run(base, args.turns))
    print(f"\n{machine()}; {len(turns)} interruptions")
    print(f"{'ms after the student began':<30}{'p50':>8}{'p95':>8}{'max':>8}")
    rows = {name: [turn[name] for turn in turns] for name in turns[0]}
    for name, ms in rows.items():
        print(f"{name:<30}{percentile(ms, 50):>8.0f}{percentile(ms, 95):>8.0f}{max(ms):>8.0f}")
    (args.out / "barge-in-browser.json").write_text(json.dumps({"machine": machine(), "ms": rows}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
