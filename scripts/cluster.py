"""A cluster on this machine, ``make cluster``: three NATS servers, two doors and three engines that share a model.

The terminal shows the engines, how many more sessions fit on each, and where the doors are. Ctrl-C ends everything.
Logs and the servers' files are in a temporary folder that is removed at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from engine.llm.embedded import EmbeddedModel, EmbeddedServer
from engine.llm.factory import faster_prompts
from engine.models.catalog import locate
from engine.settings import Settings

ROOT = Path(__file__).parents[1]
NATS_SERVER = shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")
SHOW_EVERY_S = 1.0
END_S = 40.0


async def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Start a cluster on this machine.")
    parser.add_argument("--engines", type=int, default=3)
    parser.add_argument("--doors", type=int, default=2)
    parser.add_argument("--port", type=int, default=9100, help="of the first door; all others follow it")
    args = parser.parse_args()
    if NATS_SERVER is None:
        print("nats-server is not installed (make test installs it)", file=sys.stderr)
        return 1
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    processes: list[asyncio.subprocess.Process] = []
    with tempfile.TemporaryDirectory(prefix="tutor-cluster-") as folder:
        async with contextlib.AsyncExitStack() as stack:
            model = await stack.enter_async_context(_shared_model())
            endpoint = await model.endpoint()
            stack.push_async_callback(_end, processes)
            servers = await _start_nats(Path(folder), args.port + 50, processes)
            common = {
                "ENGINE_SECRET": secrets.token_urlsafe(32), "ENGINE_CLUSTER_KEY": secrets.token_urlsafe(32),
                "ENGINE_CLUSTER_SERVERS": ",".join(servers),
                "ENGINE_LLM_BASE_URL": endpoint.base_url, "ENGINE_LLM_API_KEY": endpoint.api_key,
                "ENGINE_LOG_FORMAT": "json",
            }  # fmt: skip
            doors = [args.port + index for index in range(args.doors)]
            engines = [args.port + 10 + index for index in range(args.engines)]
            await asyncio.sleep(1)
            for name, ports, options in (("door", doors, ("--role", "door")), ("engine", engines, ())):
                processes += [await _start(Path(folder), f"{name}-{port}", port, common, *options) for port in ports]
            await _show(doors, folder, stop)
    return 0


def _shared_model() -> EmbeddedServer:
    settings = Settings()
    path = locate(settings.llm.model, settings.models_dir, settings.cache_dir)
    model = faster_prompts(path, settings.cache_dir)
    return EmbeddedServer(EmbeddedModel(model, threads=0, slots=4, context=settings.llm.context, gpu_layers=0))


async def _start_nats(folder: Path, port: int, processes: list[asyncio.subprocess.Process]) -> list[str]:
    """Three servers that replicate; gives their URLs."""
    routes = ", ".join(f'"nats://127.0.0.1:{port + 10 + index}"' for index in range(3))
    for index in range(3):
        file = folder / f"nats-{index}.conf"
        file.write_text(
            f"server_name: n{index}\nlisten: 127.0.0.1:{port + index}\n"
            f'jetstream {{ store_dir: "{folder}/js{index}", sync_interval: always }}\n'
            f"cluster {{ name: tutors, listen: 127.0.0.1:{port + 10 + index}, routes: [{routes}] }}\n"
        )
        processes.append(await _run(folder / f"nats-{index}.log", {}, str(NATS_SERVER), "-c", str(file)))
    return [f"nats://127.0.0.1:{port + index}" for index in range(3)]


async def _start(
    folder: Path, name: str, port: int, common: dict[str, str], *options: str
) -> asyncio.subprocess.Process:
    own = {**common, "ENGINE_PORT": str(port), "ENGINE_CLUSTER_NODE": name}
    return await _run(folder / f"{name}.log", own, sys.executable, "run_engine.py", *options)


async def _run(log: Path, environment: dict[str, str], *command: str) -> asyncio.subprocess.Process:
    with log.open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output, start_new_session=True
        )


async def _show(doors: list[int], folder: str, stop: asyncio.Event) -> None:
    """The status page, until Ctrl-C."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        while not stop.is_set():
            nodes: list[dict[str, Any]] = []
            for port in doors:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, KeyError):
                    async with http.get(f"http://127.0.0.1:{port}/v1/nodes") as answer:
                        nodes = (await answer.json())["nodes"]
                    break
            lines = [f"doors   {'   '.join(f'http://localhost:{port}/' for port in doors)}", f"logs    {folder}", ""]
            lines.append(f"{'engine':16} {'state':10} {'free':>5} {'sessions':>9} {'heard':>7}")
            lines += [
                f"{n['node']:16} {n['state']:10} {n['free']:5} {n['sessions']:9} {n['heard_s']:6.1f}s" for n in nodes
            ]
            clear = "\x1b[2J\x1b[H" if sys.stdout.isatty() else ""
            print(clear + "\n".join(lines) + "\n\nCtrl-C ends all of it.", flush=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SHOW_EVERY_S if sys.stdout.isatty() else 10 * SHOW_EVERY_S):
                    await stop.wait()


async def _end(processes: list[asyncio.subprocess.Process]) -> None:
    """End engines and doors first, the last started first, then NATS."""
    print("\nending …", flush=True)
    for process in reversed(processes):
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
