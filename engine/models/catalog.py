"""The models the engine knows by name, and where their files are on this machine.

Blocking (it may hash or join files of 150 MB the first time, some milliseconds afterwards): call it
before the port opens or in a worker thread. No package that carries weights is ever imported, and
nothing is fetched: fetching is ``python -m engine models pull``.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from engine.errors import ModelMissing
from engine.models.hashes import Progress, Stamps, quiet
from engine.models.known import CATALOG, Entry, ModelFile
from engine.models.prepare import NoAlignment, align_voice, build_once, intact, join
from engine.settings import Settings

_log = structlog.get_logger(__name__)


def locate(name: str, models_dir: Path | None = None, cache_dir: Path | None = None) -> Path:
    """The file or folder of a model, found, verified and prepared.

    Args:
        name: a catalogued name (``whisper-base``), a path, the name of a file or folder in
            ``models_dir``, or the name of something pulled before (``Systran/faster-whisper-small``).
        models_dir: one's own models, tried before the embedded ones.
        cache_dir: where prepared and pulled models are; the setting's default when None.

    Raises:
        ModelMissing: names the file looked for, where, and the command that would fetch it.
    """
    return Shelf(models_dir, cache_dir).locate(name)


def default_cache_dir() -> Path:
    """Where models are prepared when no setting says otherwise."""
    return Path(Settings.model_fields["cache_dir"].default).expanduser()


@dataclass(frozen=True, slots=True)
class Found:
    """A model's folder as it lies on disk, before it is checked."""

    folder: Path
    shipped: bool
    """It lies in its package (perhaps in parts), not in one's own models folder."""


class Shelf:
    """The places models are looked for, in their order, with the stamps of what was checked before.

    Args:
        progress: told while files are read and written (for progress bars).
        reread: hash every file anew, whatever the stamps say.
    """

    def __init__(
        self,
        models_dir: Path | None = None,
        cache_dir: Path | None = None,
        progress: Progress = quiet,
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
        """Where a catalogued model lies whole (its parts count), unchecked; None when nowhere."""
        for folder in self._places(entry):
            if all((folder / file.name).is_file() for file in entry.files):
                return Found(folder, shipped=False)
        shipped = module_path(entry.folder)
        if shipped and all(_sources(entry, file) for file in entry.files):
            return Found(shipped, shipped=True)
        return None

    def prepared_folder(self, entry: Entry) -> Path | None:
        """The folder of the cache that holds what is made from a catalogued model; None if nothing is."""
        first = entry.files[0].sha256[:12]
        return self.cache_dir / "prepared" / f"{entry.name}-{first}" if entry.prepare != "none" else None

    def pulled_folder(self, name: str) -> Path:
        """Where a hub model of this name is kept."""
        return self.cache_dir / "pulled" / name.replace("/", "--").replace(":", "--")

    # --- catalogued

    def _known(self, entry: Entry) -> Path:
        found = self.find(entry)
        if found is None:
            raise ModelMissing(self._absent(entry))
        if found.shipped and entry.prepare == "join":
            return self._joined(entry)
        for file in entry.files:
            self._check(entry, found.folder / file.name, file)
        path = found.folder / entry.main if entry.main else found.folder
        return self._aligned(path) if entry.prepare == "align" else path

    def _joined(self, entry: Entry) -> Path:
        folder = self.prepared_folder(entry)
        assert folder is not None
        if intact(folder, self._stamps, reread=self._reread, progress=self._progress):
            return folder

        def fill(work: Path) -> dict[str, str]:
            for file in entry.files:
                sources = _sources(entry, file)
                sha256 = join(sources, work / file.name, f"join {entry.name}", self._progress)
                if sha256 != file.sha256:
                    raise ModelMissing(_corrupt(entry, sources[0], file.sha256, sha256))
            return {file.name: file.sha256 for file in entry.files}

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
        places.append(f"{shipped or 'the package ' + entry.packages[0].split('==')[0] + ' (not installed)'}")
        wanted = ", ".join(file.name for file in entry.files[:4])
        return (
            f"model {entry.name} is missing: looked for {wanted} in {'; '.join(places)}. "
            f"Get it with: {entry.install_command} (or: python -m engine models pull {entry.name})"
        )

    # --- anything else

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
        raise ModelMissing(f"model {name} is missing: looked in {'; '.join(map(str, places))}. {remedy}")

    def _opened(self, name: str, place: Path) -> Path:
        """A pulled folder is checked against its manifest; a voice gives its file, with phoneme times."""
        if place == self.pulled_folder(name) and not intact(
            place, self._stamps, reread=self._reread, progress=self._progress
        ):
            raise ModelMissing(
                f"model {name} in {place} is damaged: a file is missing or its SHA-256 is not the one noted when "
                f"it was fetched. Fetch it again with: python -m engine models pull {name}"
            )
        if place.is_dir():
            whole = [path for suffix in ("*.gguf", "*.onnx") for path in sorted(place.glob(suffix))]
            if len(whole) == 1:
                place = whole[0]
        return self._aligned(place) if place.suffix == ".onnx" and voice_config(place).is_file() else place

    def _aligned(self, voice: Path) -> Path:
        """The voice with its phoneme durations as an output, made once and kept under the original's hash."""
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
    """The JSON that belongs beside a Piper voice."""
    return voice.with_name(f"{voice.name}.json")


def module_path(folder: str) -> Path | None:
    """``module/path`` inside an installed top-level package, found without importing it."""
    module, _, inner = folder.partition("/")
    spec = importlib.util.find_spec(module)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(root) / inner).exists():
            return path
    return None


def _sources(entry: Entry, file: ModelFile) -> list[Path]:
    """The files that, joined, are ``file`` in its package; empty when any is not there."""
    paths = [module_path(part) for part in file.parts or (f"{entry.folder}/{file.name}",)]
    return [path for path in paths if path] if all(paths) else []


def _is_path(name: str) -> bool:
    return name.startswith(("/", "./", "../", "~")) or Path(name).exists()


def _corrupt(entry: Entry, path: Path, wanted: str, got: str) -> str:
    return (
        f"model {entry.name} is damaged: {path} has SHA-256 {got[:16]}…, not {wanted[:16]}…. "
        f"Delete it and run: {entry.install_command.replace('install', 'install --force-reinstall', 1)}"
    )
