"""Avatar folders from strangers: nothing but sound ones load, nothing outside is touched."""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path

import pytest
from PIL import Image

from engine.avatars.folders import (
    BUILTIN,
    BrokenAvatar,
    LayerFile,
    find_folder,
    find_ids,
    read_layer,
    read_manifest,
)
from engine.errors import UnknownAvatar
from engine.rendering.puppet.renderer import PuppetRenderer

HOSTILE_IDS = (
    "",
    ".",
    "..",
    "../avatar_tutor_13",
    "a/b",
    "/etc",
    "avatar_tutor_13/",
    "avatar_tutor_13\0",
    "AVATAR_TUTOR_13",
    "a" * 65,
    "avatar_tutor_13\n",
    "C:\\x",
    "~root",
    "%2e%2e",
    "é",
)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A copy of a tutor under another id, to be broken."""
    folder = tmp_path / "avatars" / "mine"
    shutil.copytree(BUILTIN / "avatar_tutor_7", folder)
    change(folder, id="mine")
    return folder


def change(folder: Path, **fields: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


@pytest.mark.parametrize("avatar_id", HOSTILE_IDS)
def test_ids_that_are_not_names_are_unknown(avatar_id: str) -> None:
    with pytest.raises(UnknownAvatar):
        find_folder([BUILTIN], avatar_id)


def test_links_out_of_the_folder_are_not_avatars(tmp_path: Path, mine: Path) -> None:
    (mine.parent / "linked").symlink_to(mine)
    assert find_ids([mine.parent]) == ["mine"]
    with pytest.raises(UnknownAvatar):
        find_folder([mine.parent], "linked")


def test_own_avatars_come_before_built_in_ones(mine: Path) -> None:
    target = mine.parent / "avatar_tutor_7"
    mine.rename(target)
    assert find_folder([BUILTIN, mine.parent], "avatar_tutor_7") == target


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"format": 2}, "format"),
        ({"id": "other"}, "other"),
        ({"canvas": 10**9}, "canvas"),
        ({"name": ""}, "name"),
        ({"extra": 1}, "extra"),
        ({"eyes": []}, "eyes"),
        ({"mouth": {"x": [1, 2], "upper": [], "line": [], "lower": []}}, "mouth"),
        ({"head": {"x": float("nan")}}, "head"),
    ],
)
def test_wrong_manifests_name_the_field(mine: Path, fields: dict[str, object], word: str) -> None:
    change(mine, **fields)
    with pytest.raises(BrokenAvatar, match=word):
        read_manifest(mine)


@pytest.mark.parametrize("file", ["../secret.png", "/etc/passwd", "a.svg", "a.png.exe", "b/../a.png", ""])
def test_layer_names_that_leave_the_folder_are_refused(mine: Path, file: str) -> None:
    layers = json.loads((mine / "manifest.json").read_text())["layers"]
    layers["head"]["file"] = file
    change(mine, layers=layers)
    with pytest.raises(BrokenAvatar, match="file"):
        read_manifest(mine)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000])
def test_manifests_that_are_not_manifests(mine: Path, text: str) -> None:
    (mine / "manifest.json").write_text(text)
    with pytest.raises(BrokenAvatar):
        read_manifest(mine)


def test_pictures_that_are_too_large_or_not_pictures(mine: Path) -> None:
    with pytest.raises(BrokenAvatar, match="missing"):
        read_layer(mine, LayerFile(file="nothing.png"))
    (mine / "text.png").write_text("not a picture")
    with pytest.raises(BrokenAvatar, match="not a valid"):
        read_layer(mine, LayerFile(file="text.png"))
    Image.new("L", (4000, 10)).save(mine / "wide.png")
    with pytest.raises(BrokenAvatar, match="2048"):
        read_layer(mine, LayerFile(file="wide.png"))
    (mine / "cut.png").write_bytes((mine / "head.png").read_bytes()[:5000])
    with pytest.raises(BrokenAvatar, match="not a valid"):
        read_layer(mine, LayerFile(file="cut.png"))
    Image.new("RGB", (8, 8)).save(mine / "really.png", format="GIF")
    with pytest.raises(BrokenAvatar, match="not a valid"):
        read_layer(mine, LayerFile(file="really.png"))
    (mine / "linked.png").symlink_to(mine / "head.png")
    with pytest.raises(BrokenAvatar, match="missing"):
        read_layer(mine, LayerFile(file="linked.png"))


def test_decompression_bomb_is_not_decoded(mine: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = (50_000).to_bytes(4, "big") * 2 + bytes((8, 2, 0, 0, 0))
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    (mine / "bomb.png").write_bytes(bomb)
    with pytest.raises(BrokenAvatar):
        read_layer(mine, LayerFile(file="bomb.png"))


def test_broken_avatars_are_not_listed_and_do_not_load(mine: Path) -> None:
    change(mine, format=9)
    renderer = PuppetRenderer([mine.parent], size=128)
    assert "mine" not in {info.id for info in renderer.list_avatars()}
    with pytest.raises(UnknownAvatar):
        renderer.load("mine")
    renderer.close()
