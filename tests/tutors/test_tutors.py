"""Tutor profiles: the built-in ones, the operator's, and writing them safely."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Conflict, InvalidField, NotFound, SettingsError
from engine.tutors.profile import TutorProfile
from engine.tutors.store import TutorStore


def test_built_in_tutors_are_complete() -> None:
    store = TutorStore()
    assert {p.id for p in store.all()} >= {"default", "1", "7", "13"}
    for profile in store.all():
        assert profile.persona and profile.greeting and profile.apology and profile.examples
        assert len(profile.persona.split()) < 30, "small models follow short prompts only"
    assert store.find(13).avatar == "avatar_tutor_13"


@pytest.mark.parametrize("unknown", [999, "../../etc/passwd", "", "x" * 1000, "\x00"])
def test_an_unknown_id_is_served_by_the_default(unknown: int | str) -> None:
    store = TutorStore()
    assert store.find(unknown).id == "default"
    with pytest.raises(NotFound):
        store.get(str(unknown))


def test_put_find_delete(tmp_path: Path) -> None:
    store = TutorStore(tmp_path / "tutors")
    made = store.put("13", {"name": "Zoë", "persona": "Be kind.\nBe short.", "voices": {"zh": "espeak:cmn"}})
    assert made.version == 2, "it replaces the built-in one, version 1"
    assert store.find(13) == made
    assert TutorStore(tmp_path / "tutors").find(13) == made, "it is on disk"
    store.delete("13")
    assert store.find(13).name == "Maya"
    with pytest.raises(Conflict):
        store.delete("13")
    with pytest.raises(NotFound):
        store.delete("nobody")


def test_live_sessions_keep_theirs(tmp_path: Path) -> None:
    store = TutorStore(tmp_path)
    store.put("5", {"name": "Old"})
    held = store.find(5)
    store.put("5", {"name": "New"})
    assert held.name == "Old" and store.find(5).name == "New" and store.find(5).version == 2


def test_versions_guard_against_lost_updates(tmp_path: Path) -> None:
    store = TutorStore(tmp_path)
    store.put("5", {"name": "A"}, expected_version=0)
    with pytest.raises(Conflict):
        store.put("5", {"name": "B"}, expected_version=0)
    assert store.put("5", {"name": "B"}, expected_version=1).version == 2


@pytest.mark.parametrize("tutor_id", ["../x", "a/b", "", ".hidden", "a b", "x" * 65, "ü"])
def test_ids_that_could_be_paths_are_refused(tmp_path: Path, tutor_id: str) -> None:
    with pytest.raises(InvalidField):
        TutorStore(tmp_path).put(tutor_id, {"name": "A"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"nmae": "A"}, "nmae"),
        ({"persona": ""}, "persona"),
        ({"language": "english"}, "language"),
        ({"voice": "../evil"}, "voice"),
        ({"avatar": "../../x"}, "avatar"),
        ({"llm_temperature": 9}, "llm_temperature"),
        ({"examples": [{"question": "q"}]}, "examples"),
    ],
)
def test_wrong_fields_are_named(tmp_path: Path, fields: dict[str, object], named: str) -> None:
    store = TutorStore(tmp_path)
    with pytest.raises(InvalidField, match=named):
        store.put("5", fields)
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_profiles_are_read_only() -> None:
    with pytest.raises(Conflict, match="tutors_dir"):
        TutorStore().put("5", {"name": "A"})


@pytest.mark.parametrize("content", ["name = ", 'nmae = "x"', "name = 7", "\xff"])
def test_a_bad_file_stops_the_start_and_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "9.toml").write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"9\.toml"):
        TutorStore(tmp_path)


def test_a_failed_write_leaves_the_old_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TutorStore(tmp_path)
    store.put("5", {"name": "Old"})

    def no_room(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("engine.files.os.fsync", no_room)
    with pytest.raises(OSError, match="no space"):
        store.put("5", {"name": "New"})
    assert TutorStore(tmp_path).find(5).name == "Old"
    assert [f.name for f in tmp_path.iterdir()] == ["5.toml"]


def test_voice_for_a_language() -> None:
    profile = TutorProfile(language="en", voice="piper:a", voices={"zh": "espeak:cmn"}, languages=("zh",))
    assert profile.voice_for("zh") == "espeak:cmn"
    assert profile.voice_for("en") == "piper:a"
    assert profile.voice_for("fr") is None
