"""The models the engine knows by name, and where their files are on this machine."""

from __future__ import annotations

from pathlib import Path


def locate(name: str, models_dir: Path | None = None, cache_dir: Path | None = None) -> Path:
    """The file or folder of a model, found, verified and prepared.

    Raises:
        ModelMissing: names the file looked for, where, and the command that would fetch it.
    """
    raise NotImplementedError(name)
