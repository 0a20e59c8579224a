"""Finds a model's files on this machine, verifies them and prepares them for use.

Blocking (the first time it may hash or join files of 150 MB; later calls take milliseconds): call it before the port
opens or in a worker thread. Packages that carry weights are never imported, and nothing is downloaded: that is what
``python -m engine models pull`` is for.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from engine.errors import ModelMissing
from engine.models.hashes import Progress, Stamps, no_progress
from engine.models.known import CATALOG, Entry, ModelFile
from engine.models.kokoro import cut_kokoro
from engine.models.prepare import NoAlignment, add_durations, align_voice, build_once, intact, join
from engine.settings import Settings

_log = structlog.get_logger(__name__)


def locate(name: str, models_dir: Path | None = None, cache_dir: Path | None = None) -> Path:
    """The file or folder of a model, verified and prepared.

    Args:
        name: a catalogued name (``whisper-base``), a path, the name of a file or folder in ``models_dir``, or the
            name of a pulled model (``Systran/faster-whisper-small``).
        models_dir: the operator's own models, tried before the embedded ones.
        cache_dir: the folder of prepared and pulled models; None for the setting's default.

    Raises:
        ModelMissing: the model is missing or damaged. The message names the files, the places searched and the
            command that fetches them.
    """
    return ModelStore(models_dir, cache_dir).locate(name)


def default_cache_dir() -> Path:
    """The folder of prepared and pulled models if the setting ``cache_dir`` is not given."""
    return Path(Settings.model_fields["cache_dir"].default).expanduser()


@dataclass(frozen=True, slots=True)
class Found:
    """A model's folder on disk, not yet verified."""

    folder: Path
    shipped: bool
    """The files are in an installed package (possibly split into parts), not in the operator's models folder."""


class ModelStore:
    """All models on this machine: the operator's own, the embedded ones and the pulled ones, searched in this order.

    Args:
        models_dir: the operator's own models, if any.
        cache_dir: the folder of prepared and pulled models; None for the setting's default.
        progress: called while files are read and written (for progress bars).
        reread: hash every file again, even if its stamp matches.
    """

    def __init__(
        self,
        models_dir: Path | None = None,
        cache_dir: Path | None = None,
        progress: Progress = no_progress,
        *,
        reread: bool = False,
    ) -> None:
        self.models_dir = models_dir.expanduser() if models_dir else None
        self.cache_dir = cache_dir.expanduser() if cache_dir else default_cache_dir()
        self._progress = progress
        self._reread = reread
        self._stamps = Stamps(self.cache_dir / "stamps")

    def locate(self, name: str) -> Path:
        """See :func:`locate`."""
        entry = CATALOG.get(name)
        return self._known(entry) if entry else self._other(name)

    def find(self, entry: Entry) -> Found | None:
        """The folder that holds all files of a catalogued model (or all their parts), unverified; None if none does."""
        for folder in self._places(entry):
            if all((folder / file.name).is_file() for file in entry.files):
                return Found(folder, shipped=False)
        shipped = module_path(entry.folder)
        if shipped and all(_sources(entry, file) for file in entry.files):
            return Found(shipped, shipped=True)
        return None

    def prepared_folder(self, entry: Entry) -> Path | None:
        """The cache folder for the prepared form of a catalogued model; None if it needs no preparation."""
        first = entry.files[0].sha256[:12]
        return self.cache_dir / "prepared" / f"{entry.name}-{first}" if entry.prepare != "none" else None

    def has(self, name: str) -> bool:
        """Whether a model that is not catalogued has been pulled or is in the operator's folder; unverified."""
        own = self.models_dir is not None and (self.models_dir / name).exists()
        return own or self.pulled_folder(name).exists()

    def pulled_folder(self, name: str) -> Path:
        """The cache folder for the hub model ``name``, whether or not it exists."""
        return self.cache_dir / "pulled" / name.replace("/", "--").replace(":", "--")

    # --- catalogued models

    def _known(self, entry: Entry) -> Path:
        found = self.find(entry)
        if found is None:
            raise ModelMissing(self._absent(entry))
        if found.shipped and entry.prepare == "join":
            return self._joined(entry)
        if entry.prepare == "cut":
            return self._cut(entry, found)
        for file in entry.files:
            self._check(entry, found.folder / file.name, file)
        path = found.folder / entry.main if entry.main else found.folder
        if entry.prepare == "durations":
            return self._with_durations(entry, path)
        return self._aligned(path) if entry.prepare == "align" else path

    def _joined(self, entry: Entry) -> Path:
        folder = self.prepared_folder(entry)
        assert folder is not None
        if intact(folder, self._stamps, reread=self._reread, progress=self._progress):
            return folder

        def fill(work: Path) -> dict[str, str]:
            for file in entry.files:
                self._join(entry, file, _sources(entry, file), work)
            return {file.name: file.sha256 for file in entry.files}

        return build_once(folder, fill, self._stamps, {"model": entry.name, "source": entry.source})

    def _with_durations(self, entry: Entry, model: Path) -> Path:
        """A copy of hibari's network that also outputs phoneme durations; made once."""
        folder = self.prepared_folder(entry)
        assert folder is not None

        def fill(work: Path) -> dict[str, str]:
            return {model.name: add_durations(model, work / model.name)}

        if not intact(folder, self._stamps, reread=self._reread, progress=self._progress):
            build_once(folder, fill, self._stamps, {"model": entry.name, "source": entry.source})
        return folder / model.name

    def _join(self, entry: Entry, file: ModelFile, sources: list[Path], work: Path) -> None:
        sha256 = join(sources, work / file.name, f"join {entry.name}", self._progress)
        if sha256 != file.sha256:
            raise ModelMissing(_corrupt(entry, sources[0], file.sha256, sha256))

    def _cut(self, entry: Entry, found: Found) -> Path:
        """The folder with the parts of a network that is one file; made once."""
        folder = self.prepared_folder(entry)
        assert folder is not None
        (file,) = entry.files

        def fill(work: Path) -> dict[str, str]:
            self._join(entry, file, _sources(entry, file) if found.shipped else [found.folder / file.name], work)
            parts = cut_kokoro(work / file.name, work)
            (work / file.name).unlink()
            return parts

        if intact(folder, self._stamps, reread=self._reread, progress=self._progress):
            return folder
        return build_once(folder, fill, self._stamps, {"model": entry.name, "source": entry.source})

    def _check(self, entry: Entry, path: Path, file: ModelFile) -> None:
        try:
            sha256 = self._stamps.sha256(path, self._progress, reread=self._reread)
        except OSError as error:
            raise ModelMissing(f"{entry.name}: cannot read {path}: {error.strerror}") from error
        if sha256 != file.sha256:
            raise ModelMissing(_corrupt(entry, path, file.sha256, sha256))

    def _places(self, entry: Entry) -> Iterator[Path]:
        if self.models_dir:
            yield self.models_dir / entry.name
            if entry.main:
                yield self.models_dir

    def _absent(self, entry: Entry) -> str:
        shipped = module_path(entry.folder)
        places = [str(folder) for folder in self._places(entry)]
        places.append(str(shipped or f"the package {entry.packages[0].split('==')[0]} (not installed)"))
        wanted = ", ".join(file.name for file in entry.files[:4])
        return (
            f"model {entry.name} is missing: {wanted} not found in {'; '.join(places)}. "
            f"Get it with: {entry.install_command}"
        )

    # --- all other models

    def _other(self, name: str) -> Path:
        places = [Path(name).expanduser()] if _is_path(name) else []
        if not _is_path(name):
            if self.models_dir:
                places += [self.models_dir / name, self.models_dir / f"{name.removeprefix('piper-')}.onnx"]
            places.append(self.pulled_folder(name))
        for place in places:
            if place.exists():
                return self._opened(name, place)
        remedy = "Check the path." if _is_path(name) else f"Fetch it with: python -m engine models pull {name}"
        raise ModelMissing(f"model {name} is missing: not found at {'; '.join(map(str, places))}. {remedy}")

    def _opened(self, name: str, place: Path) -> Path:
        """``place``, verified against its manifest if it was pulled; for a Piper voice its prepared ``.onnx`` file."""
        if place == self.pulled_folder(name) and not intact(
            place, self._stamps, reread=self._reread, progress=self._progress
        ):
            raise ModelMissing(
                f"model {name} in {place} is damaged: a file is missing, or its SHA-256 differs from the one recorded "
                f"when it was fetched. Fetch it again with: python -m engine models pull {name}"
            )
        if place.is_dir():
            whole = [path for suffix in ("*.gguf", "*.onnx") for path in sorted(place.glob(suffix))]
            if len(whole) == 1:
                place = whole[0]
        return self._aligned(place) if place.suffix == ".onnx" and voice_config(place).is_file() else place

    def _aligned(self, voice: Path) -> Path:
        """A copy of the voice that also outputs phoneme durations; made once, named after the original's hash."""
        sha256 = self._stamps.sha256(voice, self._progress)
        folder = self.cache_dir / "prepared" / f"piper-{voice.stem}-{sha256[:12]}"

        def fill(work: Path) -> dict[str, str]:
            config = voice_config(work / voice.name)
            files = {voice.name: align_voice(voice, work / voice.name)}
            shutil.copyfile(voice_config(voice), config)
            return {**files, config.name: self._stamps.sha256(voice_config(voice))}

        if not intact(folder, self._stamps, reread=self._reread, progress=self._progress):
            try:
                build_once(folder, fill, self._stamps, {"model": voice.stem, "source_sha256": sha256})
            except NoAlignment as reason:
                _log.warning("voice_without_phoneme_times", voice=voice.stem, reason=str(reason))
                return voice
        return folder / voice.name


def voice_config(voice: Path) -> Path:
    """The path of the JSON file that describes the Piper voice ``voice`` (an ``.onnx`` file)."""
    return voice.with_name(f"{voice.name}.json")


def module_path(folder: str) -> Path | None:
    """The path of ``module/path`` inside an installed top-level package, without importing it; None if not there."""
    module, _, inner = folder.partition("/")
    spec = importlib.util.find_spec(module)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(root) / inner).exists():
            return path
    return None


def _sources(entry: Entry, file: ModelFile) -> list[Path]:
    """The parts of ``file`` in its package, in order; empty if any is missing."""
    paths = [module_path(part) for part in file.parts or (f"{entry.folder}/{file.name}",)]
    return [path for path in paths if path] if all(paths) else []


def _is_path(name: str) -> bool:
    return name.startswith(("/", "./", "../", "~")) or Path(name).exists()


def _corrupt(entry: Entry, path: Path, wanted: str, got: str) -> str:
    return (
        f"model {entry.name} is damaged: {path} has SHA-256 {got[:16]}… instead of {wanted[:16]}…. "
        f"Get it again with: {entry.install_command}"
    )
