"""Real NATS servers with JetStream, from the package that tests pin."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

BINARY = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"
START_S = 120


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody has opened."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class NatsServers:
    """One server, or three that replicate.

    Args:
        folder: for their files.
        count: how many.
        options: more lines of their configuration.
    """

    def __init__(self, folder: Path, count: int = 1, options: str = "") -> None:
        ports = free_ports(2 * count)
        self.ports, self._routes = ports[:count], ports[count:]
        self.urls = [f"nats://127.0.0.1:{port}" for port in self.ports]
        self.processes: list[asyncio.subprocess.Process | None] = [None] * count
        self._files = [folder / f"nats-{index}.conf" for index in range(count)]
        for index, file in enumerate(self._files):
            file.write_text(self._configuration(index, folder) + options)

    def _configuration(self, index: int, folder: Path) -> str:
        lines = [
            f"server_name: n{index}",
            f"listen: 127.0.0.1:{self.ports[index]}",
            f'jetstream {{ store_dir: "{folder}/js{index}", sync_interval: always }}',
        ]
        if len(self.ports) > 1:
            routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes)
            lines.append(f"cluster {{ name: tutors, listen: 127.0.0.1:{self._routes[index]}, routes: [{routes}] }}")
        return "\n".join(lines) + "\n"

    async def start(self, index: int) -> None:
        """Start a server and wait until its port is open."""
        self.processes[index] = await asyncio.create_subprocess_exec(
            BINARY, "-c", str(self._files[index]), stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(START_S):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.ports[index])
                    writer.close()
                    await writer.wait_closed()
                    return
                await asyncio.sleep(0.02)

    async def stop(self, index: int, number: int = signal.SIGKILL) -> None:
        """End a server."""
        process, self.processes[index] = self.processes[index], None
        if process is not None:
            process.send_signal(number)
            await process.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[NatsServers]:
        """All of them, while the context lasts."""
        try:
            await asyncio.gather(*(self.start(index) for index in range(len(self.ports))))
            yield self
        finally:
            for index in range(len(self.ports)):
                await self.stop(index)


class Relay:
    """A way to a server that can be cut, as a network is."""

    def __init__(self, to: int) -> None:
        [self.port] = free_ports(1)
        self._to = to
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """As a NATS server's."""
        return f"nats://127.0.0.1:{self.port}"

    async def open(self) -> None:
        """Pass on what comes."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Let nothing through any more."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers |= {writer, to_writer}
        await asyncio.gather(_pass_on(reader, to_writer), _pass_on(to_reader, writer))
        self._writers -= {writer, to_writer}


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
