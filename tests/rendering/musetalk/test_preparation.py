"""Avatars from a portrait and from a video, by the command an operator uses; hostile files are refused."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from engine.avatars.face_detection import FaceFinder
from engine.cli.avatars import main
from engine.errors import EngineError, ModelMissing, TooLarge, UnreadableMedia
from engine.rendering.musetalk.avatar_factory import MuseTalkAvatarFactory
from engine.rendering.musetalk.avatar_files import read_avatar, read_manifest
from engine.rendering.musetalk.footage import read_pictures
from tests.rendering.musetalk.small_avatars import SIZE

PORTRAIT = Path(__file__).parents[2] / "avatars" / "astronaut.jpg"


@pytest.fixture(scope="module", autouse=True)
def face_models() -> None:
    pytest.importorskip("ai_edge_litert")
    try:
        FaceFinder()
    except ModelMissing as error:
        pytest.skip(error.message)


def video(pictures: list[np.ndarray], fps: int = 25) -> bytes:
    """MP4 with its index first and H.264, of (H, W, 3) RGB pictures."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        _write(file.name, pictures, fps)
        return Path(file.name).read_bytes()


def _write(path: str, pictures: list[np.ndarray], fps: int) -> None:
    with av.open(path, "w", options={"movflags": "faststart"}) as writer:
        stream = writer.add_stream("libx264", rate=Fraction(fps), options={"preset": "ultrafast", "crf": "12"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            writer.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        writer.mux(stream.encode(None))


@pytest.fixture(scope="module")
def moving_face() -> list[np.ndarray]:
    """The astronaut, drifting to the right; picture 3 is empty."""
    face = Image.open(PORTRAIT).convert("RGB")
    pictures = []
    for index in range(8):
        canvas = Image.new("RGB", (640, 512), "#99aabb")
        canvas.paste(face, (20 + 4 * index, 0))
        pictures.append(np.asarray(canvas if index != 3 else Image.new("RGB", (640, 512), "#99aabb")))
    return pictures


def command(monkeypatch: pytest.MonkeyPatch, models_dir: Path, *arguments: object) -> int:
    monkeypatch.setenv("ENGINE_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("ENGINE_DEVICE", "cpu")
    return main([str(argument) for argument in arguments])


def test_a_portrait_becomes_an_avatar_of_one_picture(
    monkeypatch: pytest.MonkeyPatch, models_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--avatars-dir", tmp_path, "--size", 256, "--title", "Eileen")
    assert command(monkeypatch, models_dir, "prepare", "eileen", PORTRAIT, *where) == 0
    out = capsys.readouterr()
    assert out.out.strip() == str(tmp_path / "eileen" / "musetalk") and "100%" in out.err
    made = read_avatar(tmp_path / "eileen" / "musetalk")
    assert (made.manifest.name, made.pictures.shape) == ("Eileen", (1, 3, 256, 256))
    left, top, right, bottom = made.boxes[0]
    assert 50 < right - left < 200 and 60 < bottom - top < 220
    mask = made.masks[0]
    assert mask[:118].max() < 40 and mask[170, 128] > 250, "the lower face is shown, the upper is not"
    assert max(mask[0].max(), mask[-1].max(), mask[:, 0].max(), mask[:, -1].max()) == 0, "no seam at the box"
    assert made.latents.std() > 0 and not np.array_equal(made.latents[0, :4], made.latents[0, 4:])
    assert command(monkeypatch, models_dir, "prepare", "eileen", PORTRAIT, *where) == 1
    assert "exists already" in capsys.readouterr().err
    assert main(["list", "--avatars-dir", str(tmp_path)]) == 0
    assert "MuseTalk, 1 pictures" in capsys.readouterr().out


def test_a_video_loses_pictures_without_a_face(
    monkeypatch: pytest.MonkeyPatch, models_dir: Path, tmp_path: Path, moving_face: list[np.ndarray]
) -> None:
    path = tmp_path / "face.mp4"
    path.write_bytes(video(moving_face))
    where = ("--avatars-dir", tmp_path / "avatars", "--size", 128)
    assert command(monkeypatch, models_dir, "prepare", "moving", path, *where) == 0
    made = read_avatar(tmp_path / "avatars" / "moving" / "musetalk")
    assert made.manifest.pictures == len(made.latents) == len(made.masks) == 7
    assert (np.diff(made.boxes[:, 0]) >= 0).all() and made.boxes[-1, 0] > made.boxes[0, 0], "the box follows the face"


def test_videos_that_are_none_or_cut_off_are_refused(moving_face: list[np.ndarray], tmp_path: Path) -> None:
    whole = video(moving_face * 6)
    assert len(read_pictures(whole)) == 48
    slow = video(moving_face, fps=5)
    assert len(read_pictures(slow)) == 8
    assert len(read_pictures(video(moving_face * 4, fps=100))) in (8, 9), "25 a second are enough"
    for data, kind, words in (
        (whole[: len(whole) // 2], UnreadableMedia, "cut off"),
        (whole[:200], UnreadableMedia, "damaged|no picture"),
        (b"", UnreadableMedia, "damaged"),
        (b"\x00" * 5000, UnreadableMedia, "damaged"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", UnreadableMedia, "damaged"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", UnreadableMedia, "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), UnreadableMedia, "not a PNG"),
    ):
        with pytest.raises(kind, match=words):
            read_pictures(data)


def test_long_and_large_videos_are_refused(monkeypatch: pytest.MonkeyPatch, moving_face: list[np.ndarray]) -> None:
    from engine.rendering.musetalk import footage

    data = video(moving_face * 2)
    for limit, value, words in (
        ("MAX_VIDEO_BYTES", 1000, "MB"),
        ("MAX_VIDEO_PIXELS", 1000, "640 x 512"),
        ("MAX_DECODED", 5, "pictures"),
        ("MAX_MEMORY_BYTES", 3_000_000, "too long"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(footage, limit, value)
            with pytest.raises(TooLarge, match=words):
                read_pictures(data)


def test_what_cannot_be_an_avatar_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, models_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = tmp_path / "blank.png"
    Image.new("RGB", (400, 400), "#88aacc").save(blank)
    target = tmp_path / "avatars"
    for name, source, words in (
        ("blank", blank, "only 0 of 1 pictures show one face"),
        ("../up", PORTRAIT, "avatar id"),
        ("gone", tmp_path / "gone.png", "gone.png"),
    ):
        assert command(monkeypatch, models_dir, "prepare", name, source, "--avatars-dir", target) == 1
        assert words in capsys.readouterr().err
    assert command(monkeypatch, tmp_path, "prepare", "x", PORTRAIT, "--avatars-dir", target) == 1
    assert "musetalk" in capsys.readouterr().err
    assert not target.exists() and not (tmp_path / "up").exists()


def test_the_factory_makes_what_the_renderer_draws(models_dir: Path, tmp_path: Path) -> None:
    factory = MuseTalkAvatarFactory(models_dir / "musetalk", torch.device("cpu"), SIZE)
    factory.can_make_avatars()
    steps: list[float] = []
    made = factory.make_avatar(
        PORTRAIT.read_bytes(),
        "eileen",
        tmp_path,
        name=None,
        presents="woman",
        replace=False,
        progress=lambda _, done: steps.append(done),
    )
    assert made == tmp_path / "eileen" / "musetalk" and steps == sorted(steps) and steps[-1] == 1.0
    assert read_manifest(made).presents == "woman"
    with pytest.raises(EngineError):
        factory.make_avatar(b"no", "x", tmp_path, name=None, presents="", replace=False, progress=lambda _, __: None)
