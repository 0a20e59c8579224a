"""The lock files say what setup.cfg asks for, with hashes: ``make lock`` was not forgotten."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCKS = sorted(path.name for path in (ROOT / "requirements").glob("*lock*.txt"))


def pinned(name: str) -> list[tuple[Requirement, int]]:
    """The pins of a lock file and of those it stands on, each with the number of its hashes."""
    lines = (ROOT / "requirements" / name).read_text().replace("\\\n", " ").splitlines()
    found = [pin for line in lines if line.startswith("-r ") for pin in pinned(line.removeprefix("-r "))]
    for line in lines:
        if line and not line.startswith(("#", "-r ")):
            requirement, *hashes = re.split(r"\s+--hash=sha256:", line)
            found.append((Requirement(requirement.replace("===", "==")), len(hashes)))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_exact_and_has_a_hash(name: str) -> None:
    for requirement, hashes in pinned(name):
        assert [clause.operator for clause in requirement.specifier] == ["=="], requirement
        assert hashes, requirement


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("lock.txt", []),
        ("lock-web.txt", ["web"]),
        ("lock-postgres.txt", ["postgres"]),
        ("lock-test.txt", ["test"]),
        ("lock-dev.txt", ["dev", "test"]),
        ("lock-deploy.txt", ["deploy", "dev", "postgres", "test"]),
        ("lock-cluster.txt", ["cluster"]),
        ("lock-otel.txt", ["otel"]),
        ("lock-portrait.txt", ["portrait"]),
        ("lock-musetalk.txt", ["musetalk"]),
        ("coqui-lock.txt", ["coqui", "test"]),
    ],
)
def test_a_lock_has_all_that_is_asked_for(name: str, extras: list[str]) -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    sections = [config["options"]["install_requires"], *(config["options.extras_require"][extra] for extra in extras)]
    versions = {
        canonical(pin.name): next(iter(pin.specifier)).version for pin, _ in [*pinned(name), *pinned("torch.txt")]
    }
    for wanted in map(Requirement, "".join(sections).split()):
        assert versions[canonical(wanted.name)] in wanted.specifier, wanted


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
