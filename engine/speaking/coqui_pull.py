"""Fetching a Coqui model, on explicit command only, after its licence was shown and agreed to.

Blocking, with a progress bar. Needs the extra ``coqui``.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib import resources
from pathlib import Path
from typing import Any

from engine.errors import ModelMissing


def pull(name: str, models_dir: Path, accepted: bool) -> int:
    """Fetch ``name`` (``tts_models/LANGUAGE/DATASET/MODEL``) into ``models_dir/coqui``.

    Returns:
        0 when the model is there, 1 when its licence was not agreed to.

    Raises:
        ModelMissing: no such model, or it could not be fetched.
    """
    entry = _entry(name)
    licence = str(entry.get("license") or "not stated").strip()
    print(f"{name}: {entry.get('description', '')}\nlicence: {licence}")
    if entry.get("tos_required"):
        print("Its makers ask for agreement to their terms, see https://tts-hub.github.io/cpml")
    if not accepted:
        print("Nothing was fetched. Agree to the licence with --accept-licence.", file=sys.stderr)
        return 1
    target = models_dir / "coqui" / name.replace("/", "--")
    if (target / "config.json").is_file():
        print(f"{target}: already there")
        return 0
    _fetch(name, target)
    print(f"{target}: done")
    return 0


def _entry(name: str) -> dict[str, Any]:
    try:
        listed = json.loads(resources.files("TTS").joinpath(".models.json").read_text(encoding="utf-8"))
    except ModuleNotFoundError:
        raise ModelMissing("Coqui TTS is not installed: pip install -r requirements/coqui.txt") from None
    node: Any = listed
    for part in name.split("/"):
        node = node.get(part) if isinstance(node, dict) else None
    if not isinstance(node, dict) or not ({"github_rls_url", "repo_id"} & node.keys()):
        raise ModelMissing(f"Coqui TTS lists no model {name}; names look like tts_models/en/ljspeech/vits")
    return node


def _fetch(name: str, target: Path) -> None:
    from TTS.utils.manage import ModelManager

    # The agreement was given on our command line; the library would ask again.
    os.environ["COQUI_TOS_AGREED"] = "1"
    work = target.with_name(f".{target.name}.part")
    manager = ModelManager(output_prefix=work, progress_bar=True)
    try:
        model, config, _ = manager.download_model(name)
        source = Path(config or model).parent
        shutil.copytree(source, target, dirs_exist_ok=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelMissing(f"{name} could not be fetched: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
