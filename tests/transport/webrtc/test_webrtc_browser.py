"""A real Chromium as the peer: it connects, shows the face, and plays audio and frames in sync."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Page, async_playwright

from tests.chromium import ARGUMENTS, FAKE_MICROPHONE, chromium
from tests.frames import beeps
from tests.transport.webrtc.webrtc_stage import TOKEN, Stage, open_stage

ATTEMPTS = 4
"""Replies of which one must be in sync: a machine may be too busy for a while, a wrong clock is wrong each time."""

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium here")

SCRIPT = """
async ({token}) => {
  const seen = window.seen = {flashes: [], beeps: [], sync: [], states: [], frames: 0};
  const pc = window.pc = new RTCPeerConnection();
  const mic = await navigator.mediaDevices.getUserMedia({audio: true});
  pc.addTransceiver(mic.getAudioTracks()[0], {direction: 'sendrecv', streams: [mic]});
  pc.addTransceiver('video', {direction: 'recvonly'});
  const channel = window.channel = pc.createDataChannel('events');
  const opened = new Promise(done => { channel.onopen = done; });
  const video = document.createElement('video');
  video.autoplay = true; video.muted = true; document.body.append(video);
  const canvas = new OffscreenCanvas(8, 8), paint = canvas.getContext('2d', {willReadFrequently: true});
  let wasBright = false;
  const onFrame = (now, meta) => {
    paint.drawImage(video, 0, 0, 8, 8);
    const bright = paint.getImageData(4, 4, 1, 1).data[1] > 190;
    if (bright && !wasBright) seen.flashes.push(meta.expectedDisplayTime);
    wasBright = bright; seen.frames++;
    video.requestVideoFrameCallback(onFrame);
  };
  video.requestVideoFrameCallback(onFrame);
  const stream = new MediaStream();
  pc.ontrack = async ({track}) => {
    stream.addTrack(track); video.srcObject = stream;
    if (track.kind !== 'audio') return;
    const context = new AudioContext({latencyHint: 'interactive'});
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([`
      registerProcessor('beeps', class extends AudioWorkletProcessor {
        constructor() { super(); this.quiet = 1e9; }
        process([input]) {
          const pcm = input[0]; if (!pcm) return true;
          for (let i = 0; i < pcm.length; i++) {
            if (Math.abs(pcm[i]) > 0.1) {
              if (this.quiet > 4800) this.port.postMessage(currentTime + i / sampleRate);
              this.quiet = 0;
            } else this.quiet++;
          }
          return true;
        }
      });`], {type: 'text/javascript'})));
    const node = new AudioWorkletNode(context, 'beeps');
    node.port.onmessage = ({data}) => {
      const stamp = context.getOutputTimestamp();
      seen.beeps.push(stamp.performanceTime + (data - stamp.contextTime) * 1000);
    };
    context.createMediaStreamSource(new MediaStream([track])).connect(node);
  };
  setInterval(async () => {
    const at = {};
    (await pc.getStats()).forEach(s => { if (s.type === 'inbound-rtp') at[s.kind] = s.estimatedPlayoutTimestamp; });
    if (at.audio && at.video) seen.sync.push(at.audio - at.video);
  }, 100);
  pc.onconnectionstatechange = () => seen.states.push(pc.connectionState);
  await pc.setLocalDescription();
  if (pc.iceGatheringState !== 'complete') {
    await new Promise(done => { pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done(); });
  }
  const reply = await fetch('/v1/sessions/s1/webrtc', {
    method: 'POST', headers: {'Authorization': 'Bearer ' + token, 'Content-Type': 'application/json'},
    body: JSON.stringify({sdp: pc.localDescription.sdp, type: 'offer'}),
  });
  if (!reply.ok) throw new Error(await reply.text());
  await pc.setRemoteDescription(await reply.json());
  await opened;
}
"""


async def until(page: Page, expression: str, seconds: float = 60) -> None:
    await page.wait_for_function(expression, timeout=seconds * 1000)


async def test_chromium_sees_and_hears_together() -> None:
    async with open_stage() as stage, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *FAKE_MICROPHONE])
        page = await browser.new_page()
        await page.goto(f"{stage.base}/page")
        await page.evaluate(SCRIPT, {"token": TOKEN})
        await until(page, "seen.frames > 5")
        await asyncio.wait_for(stage.conversation.attached.wait(), 60)
        # Lip sync at the receiver settles with the first sender reports.
        await asyncio.sleep(3)
        for turn in range(1, ATTEMPTS + 1):
            seen = await beep_and_flash(stage, page, turn)
            # What the browser itself plans to play together, and what a page measures of it: Web Audio's own way to
            # the loudspeaker is in the second, and a browser that falls behind catches up gradually.
            planned_ms = float(np.median(np.abs(seen["sync"][-50:])))
            measured_ms = float(abs(np.median((np.array(seen["flashes"]) - np.array(seen["beeps"]))[-3:])))
            if planned_ms < 60 and measured_ms < 250:
                break
        heard = sum(len(c.pcm) for c in stage.conversation.heard)
        await browser.close()
        await gone(stage)
    assert seen["states"][-1] == "connected"
    assert heard > 16_000, "the microphone arrived"
    assert (planned_ms < 60, measured_ms < 250) == (True, True), (planned_ms, measured_ms)


async def beep_and_flash(stage: Stage, page: Page, turn: int) -> dict[str, Any]:
    """Let the tutor beep and flash at the same moments; gives what the page noted meanwhile."""
    marks = list(range(10, 250, 30))
    frames = beeps(turn, 260, marks, flash=6)
    await page.evaluate("seen.beeps = [], seen.flashes = [], seen.sync = []")
    sink = stage.conversation.sink
    for i in range(0, 260, 5):
        await sink.media(frames[i : i + 5])
    await sink.finish(turn)
    await until(page, f"seen.beeps.length >= {len(marks)} && seen.flashes.length >= {len(marks)}")
    seen: dict[str, Any] = await page.evaluate("seen")
    assert len(seen["beeps"]) == len(seen["flashes"]) == len(marks)
    return seen


async def gone(stage: Stage) -> None:
    """A closed page is noticed: by its goodbye, or by its silence."""
    async with asyncio.timeout(60):
        while stage.session.connections:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
