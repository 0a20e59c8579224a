"""The whole school on one machine: ``python web/run.py`` starts engine, web tier and front end, and ends all three.

An engine that runs on the port already is used as it is. Each process is a process group of its own. Ctrl-C, a SIGTERM,
or the end of one of them ends the others; what does not end within 30 s is killed. Further arguments go to the engine.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).parents[1]
WEBHOOK = "/api/engine/webhook"
"""Where the web tier takes what the engine tells of lessons."""

START_S = 600
END_S = 30
LOOK_S = 0.5


class Ended(Exception):
    """Somebody asked for the end, or one of the three is gone."""


class Group:
    """The processes, in the order they were started."""

    def __init__(self) -> None:
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, ready_url: str, *command: str, cwd: Path = ROOT, **environment: str) -> None:
        """Run ``python command`` and wait until ``ready_url`` answers 200."""
        print(f"starting the {name} …", flush=True)
        self._running[name] = subprocess.Popen(
            [sys.executable, *command], cwd=cwd, env={**os.environ, **environment}, start_new_session=True
        )
        deadline = time.monotonic() + START_S
        while not _answers(ready_url):
            self.look()
            if time.monotonic() > deadline:
                raise Ended(f"the {name} is not ready after {START_S} s")
            time.sleep(LOOK_S)

    @property
    def names(self) -> list[str]:
        """What was started here."""
        return list(self._running)

    def look(self) -> None:
        """Raises Ended when one is gone."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise Ended(f"the {name} has ended ({process.returncode})")

    def end(self) -> None:
        """End all, last started first."""
        for process in reversed(self._running.values()):
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + END_S
        for process in self._running.values():
            try:
                process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _is_engine(url: str) -> bool:
    """Whether the one that answers there is a talking-tutor engine."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(json.load(answer).get("service") == "GPU Server")
    except (OSError, ValueError, AttributeError):
        return False


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _stop(number: int, frame: FrameType | None) -> None:
    raise Ended("asked to end")


def and_list(names: list[str]) -> str:
    """``a, b and c``; ``nothing`` of none."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]])) or "nothing"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Start engine, web tier and front end together.")
    parser.add_argument("--engine-port", type=int, default=9000)
    parser.add_argument("--backend-port", type=int, default=8000)
    parser.add_argument("--frontend-port", type=int, default=3000)
    args, engine_args = parser.parse_known_args()
    engine, backend, frontend = (
        f"http://127.0.0.1:{port}" for port in (args.engine_port, args.backend_port, args.frontend_port)
    )
    running = _is_engine(engine)
    wanted = {"engine": args.engine_port, "backend": args.backend_port, "frontend": args.frontend_port}
    for option, port in wanted.items():
        if _taken(port) and not (option == "engine" and running):
            print(f"port {port} is taken: end what listens there, or choose another with --{option}-port")
            return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    group = Group()
    secret = os.environ.get("ENGINE_LESSONS_WEBHOOK_SECRET") or secrets.token_urlsafe(32)
    try:
        if running:
            print(f"using the engine that runs on port {args.engine_port} already", flush=True)
        else:
            group.start(
                "engine", f"{engine}/ready", "run_engine.py", "--port", str(args.engine_port), *engine_args,
                ENGINE_LESSONS_WEBHOOK_URL=f"{backend}{WEBHOOK}", ENGINE_LESSONS_WEBHOOK_SECRET=secret,
                ENGINE_LESSONS_WEBHOOK_EVERY_S="10",
                ENGINE_SAFETY_WEBHOOK_URL=f"{backend}{WEBHOOK}", ENGINE_SAFETY_WEBHOOK_SECRET=secret,
            )  # fmt: skip
        group.start(
            "web tier", f"{backend}/health", "-m", "uvicorn", "app.main:app", "--port", str(args.backend_port),
            cwd=ROOT / "web" / "app_backend", ENGINE_URL=engine, ENGINE_API_KEY=os.environ.get("ENGINE_API_KEY", ""),
            ENGINE_WEBHOOK_SECRET=secret,
        )  # fmt: skip
        group.start(
            "front end", frontend, "web/frontend/serve.py", "--port", str(args.frontend_port), "--backend", backend
        )
        print(
            f"\n  front end   {frontend.replace('127.0.0.1', 'localhost')}   (anna / apple-tree)\n"
            f"  teachers    {frontend.replace('127.0.0.1', 'localhost')}/teacher.html   (clara / cherry-cake)\n"
            f"  web tier    {backend.replace('127.0.0.1', 'localhost')}/docs\n"
            f"  engine      {engine.replace('127.0.0.1', 'localhost')}\n\n  Ctrl-C ends {and_list(group.names)}.\n",
            flush=True,
        )
        while True:
            group.look()
            time.sleep(LOOK_S)
    except Ended as ended:
        print(f"\n{ended}: ending {and_list(group.names)} …", flush=True)
        return 0 if str(ended) == "asked to end" else 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        group.end()


if __name__ == "__main__":
    raise SystemExit(main())
