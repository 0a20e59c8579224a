"""From requests to pictures: batches across sessions, pasting, colours, cycles, the avatar's files."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.avatars.folders import BrokenAvatar
from engine.contracts import FrameRequest
from engine.errors import Conflict, InvalidField, UnknownAvatar
from engine.items import AnimatedFrame
from engine.rendering.musetalk.avatar_files import read_avatar
from engine.rendering.musetalk.blending import paste, to_yuv420
from engine.rendering.musetalk.conversion import NotConvertible, convert_avatar
from engine.rendering.musetalk.renderer import MuseTalkRenderer
from tests.rendering.musetalk.small_avatars import SIZE, make_avatar

RNG = np.random.default_rng(5)


def request(renderer: MuseTalkRenderer, avatar: str, session: str, *, silent: bool = False) -> FrameRequest:
    features = None if silent else RNG.standard_normal((50, 16)).astype(np.float32)
    frame = AnimatedFrame(0, np.zeros(960, np.float32), np.zeros(27, np.float32), not silent, features)
    return FrameRequest(renderer.load(avatar), frame, 0.0, session)


def test_sessions_and_avatars_share_one_call(renderer: MuseTalkRenderer) -> None:
    requests = [request(renderer, "ada", "one"), request(renderer, "bob", "two"), request(renderer, "ada", "three")]
    pictures = renderer.render(requests)
    assert [(p.width, p.height, p.yuv.shape) for p in pictures] == [(SIZE, SIZE, (SIZE * 3 // 2, SIZE))] * 3
    assert renderer.batches == {3: 1}
    # each is what it is alone, whoever else is in the batch
    for one, together in zip(requests, pictures, strict=True):
        fresh = renderer.render([FrameRequest(one.avatar, one.frame, 0.0, "new " + one.session)])
        assert np.abs(fresh[0].yuv.astype(int) - together.yuv).max() <= 2


def test_only_the_masked_face_changes(renderer: MuseTalkRenderer) -> None:
    speaking = renderer.render([request(renderer, "ada", "a")])[0].yuv[:SIZE].astype(int)
    silent = renderer.render([request(renderer, "ada", "b", silent=True)])[0].yuv[:SIZE].astype(int)
    changed = np.abs(speaking - silent) > 1
    assert changed.sum() > 200
    rows, columns = np.nonzero(changed)
    box = SIZE // 4, SIZE * 3 // 4
    assert rows.min() >= box[0] + 32 and rows.max() < box[1] and columns.min() >= box[0] and columns.max() < box[1]
    assert 1 not in renderer.batches or renderer.batches[1] == 1, "silence costs no call of the networks"


def test_sizes_do_not_mix_and_order_is_kept(renderer: MuseTalkRenderer) -> None:
    order = ["ada", "cleo", "bob", "cleo", "ada"]
    requests = [request(renderer, a, f"s{i}", silent=i == 2) for i, a in enumerate(order)]
    pictures = renderer.render(requests)
    assert [p.width for p in pictures] == [SIZE, 160, SIZE, 160, SIZE]
    assert renderer.batches == {2: 2}


def test_more_than_the_largest_batch(renderer: MuseTalkRenderer) -> None:
    pictures = renderer.render([request(renderer, "ada", f"s{i}") for i in range(18)])
    assert len(pictures) == 18 and renderer.batches == {16: 1, 2: 1}


def test_the_cycle_goes_there_and_back(renderer: MuseTalkRenderer) -> None:
    shown = [int(renderer.render([request(renderer, "ada", "x", silent=True)])[0].yuv[0, 0]) for _ in range(9)]
    levels = sorted(set(shown))
    assert len(levels) == 3
    assert [levels.index(value) for value in shown] == [0, 1, 2, 2, 1, 0, 0, 1, 2]


def test_pasting_puts_a_face_exactly_into_its_box() -> None:
    pictures = torch.zeros(1, 3, 300, 400, dtype=torch.uint8)
    faces = torch.full((1, 3, 256, 256), 200, dtype=torch.uint8)
    faces[:, 0, :128] = 100
    masks = torch.full((1, 256, 256), 255, dtype=torch.uint8)
    out = paste(pictures, faces, masks, torch.tensor([[100.0, 20.0, 356.0, 276.0]]))
    torch.testing.assert_close(out[:, :, 20:276, 100:356], faces.float(), atol=0.1, rtol=0)
    assert out[:, :, :19].max() == 0 and out[:, :, :, :99].max() == 0 and out[:, :, :, 357:].max() == 0


def test_yuv_is_bt601() -> None:
    import av

    rgb = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8).repeat_interleave(16, 2).repeat_interleave(16, 3)
    yuv = to_yuv420(rgb).numpy()
    for picture, planes in zip(rgb, yuv, strict=True):
        back = av.VideoFrame.from_ndarray(planes, format="yuv420p").to_ndarray(format="rgb24")
        difference = np.abs(back.astype(int) - picture.permute(1, 2, 0).numpy())
        assert np.median(difference) <= 2 and np.percentile(difference, 90) <= 6


def test_avatars_are_listed_loaded_once_and_forgotten(
    renderer: MuseTalkRenderer, avatars_dir: Path, tmp_path: Path
) -> None:
    assert [(a.id, a.size[0]) for a in renderer.list_avatars()] == [("ada", SIZE), ("bob", SIZE), ("cleo", 160)]
    first = renderer.load("ada")
    assert renderer.load("ada") is first and first.device_bytes > 3 * SIZE * SIZE * 3
    renderer.forget("ada")
    assert renderer.load("ada") is not first
    for hostile in ("..", "../ada", "/etc", "ada/musetalk", "", "A"):
        with pytest.raises(UnknownAvatar):
            renderer.load(hostile)


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = make_avatar(tmp_path, "eve")
    numbers = load_file(folder / "avatar.safetensors")
    manifest = json.loads((folder / "avatar.json").read_text())

    def refused(words: str) -> None:
        with pytest.raises(BrokenAvatar, match=words):
            read_avatar(folder)

    for key, value, words in (
        ("latents", numbers["latents"][:2], "latents is not"),
        ("boxes", numbers["boxes"] + np.int32(1000), "outside"),
        ("masks", numbers["masks"].astype(np.float32), "masks is not"),
        ("latents", np.full_like(numbers["latents"], np.nan), "finite"),
    ):
        save_file({**numbers, key: value}, folder / "avatar.safetensors")
        refused(words)
    (folder / "avatar.safetensors").write_bytes(pickle.dumps({"latents": 1}))
    refused("damaged")
    save_file(numbers, folder / "avatar.safetensors")
    for fields, words in (
        ({"pictures": 10**9}, "pictures"),
        ({"width": 131}, "width"),
        ({"id": "bob"}, "bob"),
        ({"pictures": 4}, "is not"),
        ({"extra": 1}, "extra"),
    ):
        (folder / "avatar.json").write_text(json.dumps({**manifest, **fields}))
        refused(words)
    (folder / "avatar.json").write_text(json.dumps(manifest))
    picture = folder / "pictures" / "000001.jpg"
    whole = picture.read_bytes()
    picture.write_bytes(whole[: len(whole) // 3])
    refused("000001.jpg is not a valid JPEG")
    picture.unlink()
    picture.symlink_to(folder / "pictures" / "000000.jpg")
    refused("000001.jpg is missing")
    picture.unlink()
    picture.write_bytes(whole)
    assert read_avatar(folder).pictures.shape == (3, 3, SIZE, SIZE)


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    make_avatar(tmp_path, "eve")
    with pytest.raises(Conflict):
        make_avatar(tmp_path, "eve")
    for bad in ("../eve", "", "E", "a/b"):
        with pytest.raises(InvalidField):
            make_avatar(tmp_path, bad)
    (tmp_path / "link").symlink_to("/tmp")
    with pytest.raises(Conflict):
        make_avatar(tmp_path, "link")
    with pytest.raises(BrokenAvatar):
        make_avatar(tmp_path, "small", size=100)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["eve", "link"]


# --- avatars of MuseTalk and LiveTalking


def upstream_folder(root: Path, *, mirrored: bool, count: int = 4, numpy_numbers: bool = False) -> Path:
    """As MuseTalk (way back stored too) or LiveTalking (not) write them; picture 1 has no face."""
    from PIL import Image

    folder = root / ("there-and-back" if mirrored else "there")
    (folder / "full_imgs").mkdir(parents=True)
    (folder / "mask").mkdir()
    generator = torch.Generator().manual_seed(3)
    latents = [torch.randn(1, 8, 32, 32, generator=generator) for _ in range(count)]
    number = np.int64 if numpy_numbers else int
    boxes = [(number(40 + i), number(30), number(120 + i), number(140)) for i in range(count)]
    areas = [(number(20), number(10), number(150), number(170))] * count
    order = [*range(count), *reversed(range(count))] if mirrored else list(range(count))
    for place, index in enumerate(order):
        Image.new("RGB", (200, 180), (50 * index, 90, 120)).save(folder / "full_imgs" / f"{place:08d}.png")
        mask = Image.new("L", (130, 160))
        mask.paste(255, (30, 80, 90, 120))
        mask.save(folder / "mask" / f"{place:08d}.png")
    torch.save([latents[i] for i in order], folder / "latents.pt")
    (folder / "coords.pkl").write_bytes(pickle.dumps([boxes[i] for i in order]))
    (folder / "mask_coords.pkl").write_bytes(pickle.dumps([areas[i] for i in order]))
    return folder


@pytest.mark.parametrize("numpy_numbers", [False, True])
@pytest.mark.parametrize("mirrored", [False, True])
def test_both_cycle_lengths_convert_to_the_same_avatar(tmp_path: Path, mirrored: bool, numpy_numbers: bool) -> None:
    source = upstream_folder(tmp_path / "theirs", mirrored=mirrored, numpy_numbers=numpy_numbers)
    made = read_avatar(convert_avatar(source, "ours", tmp_path / "avatars"))
    assert made.manifest.pictures == 4 and made.pictures.shape == (4, 3, 180, 200)
    assert [round(int(p[0, 0, 0]) / 50) for p in made.pictures] == [0, 1, 2, 3]
    assert made.boxes[:, 0].tolist() == [40, 41, 42, 43]
    generator = torch.Generator().manual_seed(3)
    expected = torch.randn(1, 8, 32, 32, generator=generator)[0].numpy()
    np.testing.assert_allclose(made.latents[0], expected, atol=2e-3)
    # the mask lay at (50..110, 90..130) of the picture, the face at (40..120, 30..140)
    shown = np.argwhere(made.masks[0] > 127)
    assert abs(shown[:, 0].min() - 60 / 110 * 256) < 4 and abs(shown[:, 1].max() - 70 / 80 * 256) < 4


def test_pictures_without_a_face_lose_their_latent_too(tmp_path: Path) -> None:
    source = upstream_folder(tmp_path / "theirs", mirrored=False)
    boxes = pickle.loads((source / "coords.pkl").read_bytes())
    boxes[1] = (0.0, 0.0, 0.0, 0.0)
    (source / "coords.pkl").write_bytes(pickle.dumps(boxes))
    latents = torch.load(source / "latents.pt", weights_only=True)
    del latents[1]
    torch.save(latents, source / "latents.pt")
    made = read_avatar(convert_avatar(source, "ours", tmp_path / "avatars"))
    assert [round(int(p[0, 0, 0]) / 50) for p in made.pictures] == [0, 2, 3]
    assert made.boxes[:, 0].tolist() == [40, 42, 43]


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("owned"),)


@pytest.mark.parametrize("name", ["coords.pkl", "mask_coords.pkl", "latents.pt"])
def test_pickles_run_nothing(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = upstream_folder(tmp_path / "theirs", mirrored=False)
    for payload in (
        pickle.dumps(Evil()),
        pickle.dumps([Evil()] * 4),
        b"cos\nsystem\n(S'touch owned'\ntR.",
        b"cbuiltins\neval\n(S'1'\ntR.",
        pickle.dumps(np.zeros(4)),
        b"",
        b"\x80\x04",
        pickle.dumps([(1, 2, 3)]),
        pickle.dumps([("a", "b", "c", "d")]),
        pickle.dumps([(10**9, 0, 1, 1)]),
        pickle.dumps(7),
    ):
        (source / name).write_bytes(payload)
        with pytest.raises(NotConvertible, match=name):
            convert_avatar(source, "ours", tmp_path / "avatars")
    assert not (tmp_path / "owned").exists() and not (tmp_path / "avatars").exists()


def test_folders_that_do_not_fit_are_refused_by_name(tmp_path: Path) -> None:
    from PIL import Image

    def refused(words: str) -> None:
        with pytest.raises(NotConvertible, match=words):
            convert_avatar(source, "ours", tmp_path / "avatars")

    source = upstream_folder(tmp_path / "theirs", mirrored=False)
    Image.new("L", (5000, 10)).save(source / "full_imgs" / "00000000.png")
    refused("00000000.png is 5000")
    (source / "full_imgs" / "00000000.png").write_text("no")
    refused("not a valid picture")
    (source / "full_imgs" / "00000000.png").unlink()
    refused("3 pictures")
    (source / "full_imgs" / "00000000.png").symlink_to("/etc/passwd")
    refused("3 pictures")
    (source / "latents.pt").unlink()
    refused(r"latents\.pt is missing")
    with pytest.raises(InvalidField):
        convert_avatar(source, "../up", tmp_path / "avatars")
    assert not (tmp_path / "avatars").exists()
