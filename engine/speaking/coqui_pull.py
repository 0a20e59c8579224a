"""Fetches a Coqui model after its licence has been shown and accepted. Only the command line calls it.

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
    """Fetches ``name`` (``tts_models/LANGUAGE/DATASET/MODEL``) into ``models_dir/coqui``.

    Args:
        name: the model's name in Coqui's list.
        models_dir: the folder of models.
        accepted: whether the user accepts the licence; if not, it is only shown.

    Returns:
        The exit status: 0 if the model is there, 1 if its licence was not accepted.

    Raises:
        ModelMissing: Coqui lists no such model, it cannot be fetched, or Coqui TTS is not installed.
    """
    entry = _entry(name)
    licence = str(entry.get("license") or "not stated").strip()
    print(f"{name}: {entry.get('description', '')}\nlicence: {licence}")
    if entry.get("tos_required"):
        print("You must also agree to its makers' terms, the CPML: https://tts-hub.github.io/cpml")
    if not accepted:
        print("Nothing was fetched. To accept the licence, add --accept-licence.", file=sys.stderr)
        return 1
    target = models_dir / "coqui" / name.replace("/", "--")
    if (target / "config.json").is_file():
        print(f"{target}: already fetched")
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
        raise ModelMissing(f"Coqui TTS lists no model {name!r}; names look like tts_models/en/ljspeech/vits")
    return node


def _fetch(name: str, target: Path) -> None:
    from TTS.utils.manage import ModelManager

    # The user has agreed on our command line; without this the library would ask again.
    os.environ["COQUI_TOS_AGREED"] = "1"
    work = target.with_name(f".{target.name}.part")
    manager = ModelManager(output_prefix=work, progress_bar=True)
    try:
        model, config, _ = manager.download_model(name)
        source = Path(config or model).parent
        shutil.copytree(source, target, dirs_exist_ok=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelMissing(f"cannot fetch {name}: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
