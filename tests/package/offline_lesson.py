"""Run by a fresh environment's Python in an empty folder and a network of its own, where there is only loopback.

Starts ``talking-tutor serve``, asks a question over a WebSocket and checks that voice and face come back.

    python -I offline_lesson.py /path/to/talking-tutor
"""

from __future__ import annotations

import asyncio
import base64
import sys
import time

import aiohttp

BASE = "http://127.0.0.1:9000"
START_S, REPLY_S, END_S = 900, 300, 120


async def ready(http: aiohttp.ClientSession, engine: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_S):
        while engine.returncode is None:
            try:
                async with http.get(f"{BASE}/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.5)
    raise SystemExit(f"the engine ended with {engine.returncode}")


async def ask(http: aiohttp.ClientSession) -> dict[str, str]:
    """The ``video`` message that answers a question."""
    async with http.post(f"{BASE}/v1/sessions", json={"tutor_id": 13, "student_id": 1}) as answer:
        session = await answer.json()
    url = f"{session['engine_url']}?token={session['engine_token']}"
    async with asyncio.timeout(REPLY_S), http.ws_connect(url, max_msg_size=0) as socket:
        await socket.send_json({"type": "text", "content": "Why is the sky blue?", "avatar_id": "avatar_tutor_13"})
        async for message in socket:
            told: dict[str, str] = message.json()
            if told["type"] == "video":
                return told
            assert told["type"] != "error", told
    raise SystemExit("the socket closed before the tutor spoke")


async def main(command: str) -> None:
    engine = await asyncio.create_subprocess_exec(command, "serve")
    try:
        async with aiohttp.ClientSession() as http:
            began = time.monotonic()
            await ready(http, engine)
            print(f"ready after {time.monotonic() - began:.1f} s")
            for path in ("/", "/static/client.js", "/v1/tutors", "/v1/avatars/avatar_tutor_13/still.jpg"):
                async with http.get(BASE + path) as answer:
                    assert answer.status == 200, path
            spoken = await ask(http)
            video, audio = (base64.b64decode(spoken[part]) for part in ("video", "audio"))
            assert video[4:8] == b"ftyp" and audio[:4] == b"RIFF" and float(spoken["duration_ms"]) > 500
            print(f"spoke for {float(spoken['duration_ms']) / 1000:.1f} s: {spoken['content']}")
    finally:
        engine.terminate()
        async with asyncio.timeout(END_S):
            print("ended with", await engine.wait())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
