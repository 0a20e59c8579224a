"""Avatars made from a portrait. ``astronaut.jpg`` is NASA's portrait of Eileen Collins, public domain."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from engine.avatars.face_detection import FaceFinder
from engine.avatars.folders import read_manifest
from engine.avatars.portrait import UnsuitablePortrait, create_avatar, read_portrait
from engine.cli.avatars import main
from engine.contracts import Avatar
from engine.errors import Conflict, InvalidField, ModelMissing, TooLarge, UnreadableMedia
from engine.items import ByteArray
from engine.rendering.puppet.compiled import CompiledFace
from engine.rendering.puppet.face import Face
from engine.rendering.puppet.renderer import PuppetRenderer
from tests.rendering.puppet.conftest import make_pose

PORTRAIT = Path(__file__).parent / "astronaut.jpg"


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def finder() -> FaceFinder:
    pytest.importorskip("ai_edge_litert")
    try:
        return FaceFinder()
    except ModelMissing as error:
        pytest.skip(error.message)


@pytest.fixture(scope="module")
def avatars(finder: FaceFinder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("avatars")
    steps: list[float] = []
    create_avatar(
        PORTRAIT.read_bytes(),
        "astronaut",
        directory,
        name="Eileen",
        finder=finder,
        progress=lambda step, done: steps.append(done),
    )
    assert steps == sorted(steps) and steps[-1] == 1.0
    return directory


def drawn(face: Avatar, **channels: float) -> ByteArray:
    """(768, 512) YUV 4:2:0 in this pose."""
    pose = make_pose(**channels)
    assert isinstance(face, Face | CompiledFace)
    if isinstance(face, CompiledFace):
        yuv: ByteArray = face.draw(pose[None], face.scene())[0]
    else:
        yuv = face.draw(pose[None], face.scene())[0].numpy()
    return yuv


def luma(face: Avatar, **channels: float) -> npt.NDArray[np.int_]:
    return drawn(face, **channels)[:512].astype(int)


def test_landmarks_sit_on_the_face(avatars: Path) -> None:
    manifest = read_manifest(avatars / "astronaut")
    assert manifest.name == "Eileen" and not manifest.head.cut_out
    left, right = manifest.eyes
    assert left.x[0] < left.x[-1] < manifest.head.nose[0] < right.x[0] < right.x[-1]
    assert left.upper[12] < manifest.head.nose[1] < manifest.mouth.line[24] < manifest.head.chin
    width = manifest.mouth.x[-1] - manifest.mouth.x[0]
    assert 0.5 < width / (2 * manifest.head.half_width) * 1.6 < 1.2, "a mouth of a plausible width"


def test_portrait_speaks_and_blinks(avatars: Path) -> None:
    renderer = PuppetRenderer([avatars], size=512)
    face = renderer.load("astronaut")
    manifest = read_manifest(avatars / "astronaut")
    rest = luma(face)
    mouth = slice(int(manifest.mouth.line[24] / 2) - 4, int(manifest.mouth.line[24] / 2) + 30), slice(230, 280)
    assert (luma(face, jaw_open=0.8)[mouth] < 50).sum() > (rest[mouth] < 50).sum() + 200
    eye = manifest.eyes[0]
    window = (
        slice(int(min(eye.upper) / 2) + 3, int(max(eye.lower) / 2) - 2),
        slice(int(eye.x[6] / 2), int(eye.x[18] / 2)),
    )
    shut = luma(face, blink_left=1.0, blink_right=1.0)
    assert shut[window].mean() > rest[window].mean() + 10, "skin is lighter than the iris"
    turned = luma(face, head_yaw=1.0)
    assert np.abs(turned - rest)[:, 236:276].max() > 30
    assert np.abs(turned - rest)[:, :16].max() <= 2, "the edge of the picture stays"
    renderer.close()


def test_a_smile_is_closed(avatars: Path) -> None:
    """The portrait shows teeth; the avatar at rest must not."""
    renderer = PuppetRenderer([avatars], size=512)
    manifest = read_manifest(avatars / "astronaut")
    rest = drawn(renderer.load("astronaut"))
    x = slice(int(manifest.mouth.x[16] / 4), int(manifest.mouth.x[32] / 4))
    y = slice(int(min(manifest.mouth.upper[16:32]) / 4) + 1, int(max(manifest.mouth.lower[16:32]) / 4) - 1)
    red = rest[512:].reshape(2, 256, 256)[1][y, x]
    assert red.min() > 132, "lips are red, teeth are not"
    renderer.close()


def test_refusals_say_what_is_wrong(finder: FaceFinder, tmp_path: Path) -> None:
    portrait = Image.open(PORTRAIT).convert("RGB")
    blank = Image.new("RGB", (600, 600), "#88aacc")
    pair = Image.new("RGB", (portrait.width * 2, portrait.height))
    pair.paste(portrait, (0, 0))
    pair.paste(portrait, (portrait.width, 0))
    small = Image.new("RGB", (300, 300), "#cccccc")
    small.paste(portrait.resize((100, 104)), (100, 90))
    cases = (
        (encoded(blank), UnsuitablePortrait, "no face"),
        (encoded(pair), UnsuitablePortrait, "several"),
        (encoded(small), UnsuitablePortrait, "pixels wide|no face"),
        (b"hello", UnreadableMedia, "not a PNG"),
        (encoded(portrait)[:3000], UnreadableMedia, "not a PNG"),
        (encoded(portrait, "GIF"), UnreadableMedia, "not a PNG"),
        (bytes(13 << 20), TooLarge, "MB"),
        (encoded(Image.new("1", (8000, 8000))), TooLarge, "pixels"),
    )
    for data, error, words in cases:
        with pytest.raises(error, match=words):
            create_avatar(data, "refused", tmp_path, finder=finder)
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def variants() -> dict[str, bytes]:
    upright = Image.open(PORTRAIT).convert("RGB")
    grey = np.asarray(upright.convert("L")).astype(np.uint16)
    cut_out = np.asarray(upright.convert("RGBA")).copy()
    cut_out[:60] = 0
    return {
        "upside down": encoded(upright.rotate(180)),
        "on its left side": encoded(upright.rotate(90, expand=True)),
        "on its right side": encoded(upright.rotate(270, expand=True)),
        "16-bit grey": encoded(Image.fromarray(grey * 257)),
        "transparent": encoded(Image.fromarray(cut_out)),
        "palette": encoded(upright.quantize(64)),
        "grey with alpha": encoded(upright.convert("LA")),
    }


@pytest.mark.parametrize("kind", variants())
def test_unusual_pictures_of_a_face_become_the_same_avatar(finder: FaceFinder, tmp_path: Path, kind: str) -> None:
    def shown(data: bytes) -> np.ndarray:
        folder = create_avatar(data, "a", tmp_path, finder=finder, replace=True)
        return np.asarray(Image.open(folder / "portrait.jpg").convert("L"), np.float32)

    assert np.abs(shown(variants()[kind])[200:] - shown(PORTRAIT.read_bytes())[200:]).mean() < 12


def test_what_is_transparent_is_white_and_deep_grey_keeps_its_shades() -> None:
    clear = read_portrait(encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0))))
    assert clear.getpixel((5, 5)) == (255, 255, 255)
    ramp = (np.linspace(0, 65535, 64).astype(np.uint16))[None].repeat(64, 0)
    assert (
        np.asarray(read_portrait(encoded(Image.fromarray(ramp))))[0, :, 0].tolist()
        == (ramp[0] / 257).astype(int).tolist()
    )


def test_turned_head_is_refused(finder: FaceFinder, tmp_path: Path) -> None:
    portrait = Image.open(PORTRAIT).convert("RGB")
    squeezed = portrait.rotate(55, expand=True, fillcolor="#999999")
    with pytest.raises(UnsuitablePortrait):
        create_avatar(encoded(squeezed), "refused", tmp_path, finder=finder)


@pytest.mark.parametrize("avatar_id", ["../x", "", "A", "a/b", "x" * 65, ".hidden"])
def test_ids_are_names(tmp_path: Path, avatar_id: str) -> None:
    with pytest.raises(InvalidField):
        create_avatar(PORTRAIT.read_bytes(), avatar_id, tmp_path)
    assert list(tmp_path.parent.glob("x")) == []


def test_existing_avatar_is_kept_unless_told(avatars: Path, finder: FaceFinder) -> None:
    with pytest.raises(Conflict):
        create_avatar(PORTRAIT.read_bytes(), "astronaut", avatars, finder=finder)
    create_avatar(PORTRAIT.read_bytes(), "astronaut", avatars, finder=finder, replace=True)
    assert sorted(path.name for path in avatars.iterdir()) == ["astronaut"]


def test_command_lists_and_explains(avatars: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["list", "--avatars-dir", str(avatars)]) == 0
    listed = capsys.readouterr().out
    assert "astronaut" in listed and "avatar_tutor_13" in listed
    assert main(["create", "x", str(tmp_path / "missing.png"), "--avatars-dir", str(tmp_path)]) == 1
    assert "missing.png" in capsys.readouterr().err
    assert main(["create", "kit", str(PORTRAIT), "--presents", "child", "--avatars-dir", str(tmp_path)]) == 0
    assert read_manifest(tmp_path / "kit").presents == "child"
    with pytest.raises(SystemExit):
        main(["create", "kit", str(PORTRAIT), "--presents", "robot", "--avatars-dir", str(tmp_path)])
    assert "robot" in capsys.readouterr().err


def test_a_musetalk_avatar_of_the_same_id_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faces = tmp_path / "ada" / "musetalk" / "faces.npz"
    faces.parent.mkdir(parents=True)
    faces.write_bytes(b"hours of work")
    arguments = ["create", "ada", str(PORTRAIT), "--replace", "--avatars-dir", str(tmp_path)]
    assert main(arguments) == 1
    assert "MuseTalk avatar too" in capsys.readouterr().err
    assert faces.read_bytes() == b"hours of work"
