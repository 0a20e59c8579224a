"""The package as a stranger meets it: from the source archive to a tutor that talks without a network.

``make test-package``: a fresh environment in a folder of its own, some 2 GB and some minutes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 1800


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ENGINE_", "VIRTUAL"))}
    done = subprocess.run(
        command, cwd=cwd, env={**kept, **environment}, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, built of what git has."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    build = f"from setuptools import build_meta; build_meta.build_sdist({str(built)!r})"
    run(sys.executable, "-c", build, cwd=source)
    (made,) = built.glob("talking_tutor-*.tar.gz")
    return made


@pytest.fixture(scope="module")
def wheel(archive: Path) -> Path:
    """The wheel, built of the source archive: what it needs must be in there."""
    options = ("--quiet", "--no-deps", "--no-build-isolation", "-w", archive.parent)
    run(sys.executable, "-m", "pip", "wheel", *options, archive, cwd=archive.parent)
    (made,) = archive.parent.glob("talking_tutor-*.whl")
    return made


def test_the_source_archive_holds_every_file_of_the_engine(archive: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "engine"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tarfile.open(archive) as opened:
        held = {name.partition("/")[2] for name in opened.getnames()}
    assert {*listed.splitlines(), "LICENSE", "NOTICE.md", "README.md", "pyproject.toml"} <= held


def test_from_an_empty_environment_to_a_tutor_that_talks_offline(wheel: Path, tmp_path: Path) -> None:
    offline = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*offline, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody make a network of their own (unshare --net)")
    environment, empty, home = (tmp_path / name for name in ("environment", "empty", "home"))
    empty.mkdir()
    run(sys.executable, "-m", "venv", environment, cwd=tmp_path)
    pip: list[str | Path] = [
        environment / "bin" / "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--disable-pip-version-check",
    ]
    run(*pip, "--require-hashes", "-r", ROOT / "requirements" / "lock.txt", cwd=empty)
    run(*pip, "-r", ROOT / "requirements" / "torch.txt", cwd=empty)
    pinned = tmp_path / "wheel.txt"
    pinned.write_text(f"{wheel.as_uri()} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    run(*pip, "--no-deps", "--require-hashes", "-r", pinned, cwd=empty)
    assert "No broken requirements" in run(environment / "bin" / "pip", "check", cwd=empty)

    command, own = environment / "bin" / "talking-tutor", {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    assert run(command, "--version", cwd=empty, **own).startswith("talking-tutor ")
    print(run(command, "models", "pull", cwd=empty, **own))
    assert "missing" not in run(command, "models", "list", cwd=empty, **own)

    lesson = Path(__file__).with_name("offline_lesson.py")
    script = f'ip link set lo up && exec "{environment}/bin/python" -I "{lesson}" "{command}"'
    said = run(*offline, "sh", "-c", script, cwd=empty, **own)
    print(said)
    assert "spoke for" in said and "ended with 0" in said
    assert not list(empty.iterdir()), "it leaves nothing in the folder it was started in"
