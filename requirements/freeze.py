"""Writes the lock files: ``make lock`` after a change in setup.cfg, ``make lock ARGS=--upgrade`` for newer releases.

uv resolves setup.cfg for every Python from 3.11 on and every platform at once, and notes the SHA-256 of each wheel and
source archive of a release, so that pip refuses a file that was swapped. What a lock file holds already stays as it is
unless ``--upgrade`` is given.

torch is left out of the engine's lock files, with the CUDA libraries that only its CUDA build needs: which build is
right depends on the machine, and a CPU build comes from an index of its own. requirements/torch.txt pins its version;
what each build depends on besides is locked here.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PYTHON = "3.11"
"""The oldest version: locks hold for it and for all later ones."""


class Lock(NamedTuple):
    """One lock file: the engine with extras of setup.cfg, minus what the locks it stands on have."""

    name: str
    extras: tuple[str, ...]
    bases: tuple[str, ...]
    about: str
    constraints: str = "torch.txt"
    with_torch: bool = False
    asked: str = "../setup.cfg"
    """What it is made of; a list of names has no extras."""
    same_as: str | None = None
    """A lock whose versions it takes without standing on it."""


LOCKS = (
    Lock("lock.txt", (), (), "Everything `make run` installs, except torch (torch.txt)."),
    Lock("lock-web.txt", ("web",), ("lock.txt",), "What the web tier in web/ needs besides."),
    Lock("lock-postgres.txt", ("postgres",), ("lock-web.txt",), "What the web tier needs besides for PostgreSQL."),
    Lock(
        "lock-web-image.txt",
        (),
        (),
        "What the web tier and the page import: their image needs neither torch nor models.",
        asked="web-image.txt",
        same_as="lock-postgres.txt",
    ),
    Lock("lock-test.txt", ("test",), ("lock.txt",), "What the fast tests need besides."),
    Lock("lock-otel.txt", ("otel",), ("lock.txt",), "What OpenTelemetry traces need besides."),
    Lock(
        "lock-dev.txt",
        ("dev",),
        ("lock-web.txt", "lock-test.txt", "lock-otel.txt"),
        "What linters, slow tests and benchmarks need besides.",
    ),
    Lock(
        "lock-deploy.txt", ("deploy",), ("lock-dev.txt", "lock-postgres.txt"), "What `make test-deploy` needs besides."
    ),
    Lock("lock-cluster.txt", ("cluster",), ("lock.txt",), "What an engine in a cluster, and a door, need besides."),
    Lock("lock-portrait.txt", ("portrait",), ("lock.txt",), "What avatars made from a portrait need besides."),
    Lock("lock-musetalk.txt", ("musetalk",), ("lock.txt",), "What the MuseTalk renderer needs besides."),
    Lock("coqui-lock.txt", ("coqui", "test"), (), "What `make test-coqui` installs.", "coqui.txt", with_torch=True),
)
HEADER = "# {about}\n# Written by `make lock`, tested on CPython 3.11, Linux x86-64; do not edit.\n"
OF_TORCH = re.compile(r"(torch|triton|nvidia-.+|cuda-.+)==")


def main(options: list[str]) -> int:
    """``options`` are passed on to ``uv pip compile``: ``--upgrade``, ``--upgrade-package NAME``."""
    for lock in LOCKS:
        base = {line: block for name in lock.bases for line, block in everything_in(name).items()}
        known = {line.partition(" ;")[0] for line in base}
        chosen = {
            line: block for line, block in resolve(lock, base, options).items() if line.partition(" ;")[0] not in known
        }
        if not lock.with_torch:
            chosen = {line: block for line, block in chosen.items() if not OF_TORCH.match(line)}
        body = "".join(chosen.values())
        if lock.with_torch:  # === takes the build of the index even where one tagged +cpu is offered
            body = re.sub(r"^torch==", "torch===", body, flags=re.MULTILINE)
        first = "".join(f"-r {name}\n" for name in lock.bases)
        (HERE / lock.name).write_text(HEADER.format(about=lock.about) + first + body)
        print(f"{lock.name}: {len(chosen)} packages")
    return 0


def resolve(lock: Lock, base: dict[str, str], options: list[str]) -> dict[str, str]:
    """All that the lock's extras need, as ``pins`` gives it; the lines in ``base`` stay as they are."""
    with tempfile.TemporaryDirectory() as folder:
        output, fixed = Path(folder, "output.txt"), Path(folder, "fixed.txt")
        output.write_text("".join({**base, **everything_in(lock.name)}.values()))
        fixed.write_text("\n".join(base | (everything_in(lock.same_as) if lock.same_as else {})))
        subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", str(HERE / lock.asked)),
                *(f"--extra={extra}" for extra in lock.extras),
                *("--universal", "--python-version", PYTHON, "--generate-hashes", "--no-header", "--no-annotate"),
                *("--constraint", str(fixed), "--constraint", str(HERE / lock.constraints)),
                *("--output-file", str(output), *options),
            ],
            check=True,
        )
        return pins(output.read_text())


def everything_in(name: str) -> dict[str, str]:
    """The pins of a lock file and of those it stands on; none if it is not there yet."""
    path = HERE / name
    if not path.exists():
        return {}
    text = path.read_text()
    below = re.findall(r"^-r (\S+)$", text, flags=re.MULTILINE)
    return {line: block for known in [*map(everything_in, below), pins(text)] for line, block in known.items()}


def pins(text: str) -> dict[str, str]:
    """Requirement (``name==version ; marker``) to its lines in the file, hashes included."""
    blocks = re.findall(r"^\w.*(?:\n +--hash.*)*\n", text, flags=re.MULTILINE)
    return {block.partition("\n")[0].removesuffix("\\").strip(): block for block in blocks}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
