"""What the puppet draws, judged by its pixels."""

from __future__ import annotations

import gc
import itertools
import threading
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from engine.animation.phonemes import VISEMES
from engine.animation.pose import POSE_CHANNELS
from engine.animation.visemes import viseme_pose
from engine.avatars.folders import BUILTIN, find_ids, read_manifest
from engine.contracts import FrameRequest
from engine.items import Picture
from engine.rendering.puppet.compiled import CompiledFace, Sketch
from engine.rendering.puppet.face import Face
from engine.rendering.puppet.kernels import COMPILED
from engine.rendering.puppet.renderer import PuppetRenderer
from engine.rendering.puppet.scene import Scene
from tests.rendering.puppet.conftest import SIZE, Draw, RequestFor

IntArray = npt.NDArray[np.int_]
TUTORS = ("avatar_tutor_1", "avatar_tutor_7", "avatar_tutor_13")


def luma(picture: Picture) -> IntArray:
    return picture.yuv[: picture.height].astype(int)


def box(avatar_id: str, curves_of: str, size: int) -> tuple[slice, slice]:
    """The rectangle around the mouth or the left eye of the picture, output pixels."""
    manifest = read_manifest(BUILTIN / avatar_id)
    lines = manifest.mouth if curves_of == "mouth" else manifest.eyes[0]
    scale = size / manifest.canvas
    rows = slice(int(min(lines.upper) * scale), int(max(lines.lower) * scale) + 1)
    return rows, slice(int(lines.x[0] * scale), int(lines.x[-1] * scale) + 1)


def viseme(draw: Draw, avatar_id: str, name: str) -> Picture:
    values = dict(zip(POSE_CHANNELS, viseme_pose(name).tolist(), strict=True))
    return draw(avatar_id, **values)


@pytest.mark.parametrize("avatar_id", TUTORS)
def test_pictures_are_limited_range_yuv(draw: Draw, avatar_id: str) -> None:
    picture = draw(avatar_id, jaw_open=0.6, mouth_smile=0.4, head_yaw=0.5)
    assert picture.yuv.shape == (picture.height * 3 // 2, picture.width)
    assert picture.yuv.dtype == np.uint8
    assert luma(picture).min() >= 15 and luma(picture).max() <= 236
    chroma = picture.yuv[picture.height :]
    assert chroma.min() >= 15 and chroma.max() <= 241
    assert np.ptp(luma(picture)) > 120, "a face has light and shade"


@pytest.mark.parametrize("avatar_id", TUTORS)
def test_mouth_is_shut_at_rest_and_dark_when_open(draw: Draw, avatar_id: str) -> None:
    rest, wide = draw(avatar_id), draw(avatar_id, jaw_open=0.9)
    rows, columns = box(avatar_id, "mouth", rest.width)
    below = slice(rows.start, rows.stop + 12)
    dark_at_rest = int((luma(rest)[below, columns] < 50).sum())
    dark_open = int((luma(wide)[below, columns] < 50).sum())
    assert dark_open > dark_at_rest + 60


@pytest.mark.parametrize("avatar_id", TUTORS)
def test_closure_looks_shut_whatever_the_jaw_does(draw: Draw, avatar_id: str) -> None:
    """Lips of p, b, m: no darker than at rest, though the jaw hangs a little."""
    rest, shut = draw(avatar_id), draw(avatar_id, mouth_close=1.0, jaw_open=0.25)
    rows, columns = box(avatar_id, "mouth", rest.width)
    area = slice(rows.start, rows.stop + 8)
    assert (luma(shut)[area, columns] < 50).sum() <= (luma(rest)[area, columns] < 50).sum() + 4


def test_every_viseme_looks_different(draw: Draw) -> None:
    mouths = {}
    for name in VISEMES:
        picture = viseme(draw, "avatar_tutor_13", name)
        rows, columns = box("avatar_tutor_13", "mouth", picture.width)
        mouths[name] = luma(picture)[rows.start - 6 : rows.stop + 16, columns.start - 4 : columns.stop + 4]
    for one, other in itertools.combinations(VISEMES, 2):
        assert np.abs(mouths[one] - mouths[other]).max() > 12, f"{one} looks like {other}"


def chroma_v(picture: Picture) -> IntArray:
    """(h / 2, w / 2): red of the picture; lips are high, skin lower, teeth near 128."""
    v: IntArray = picture.yuv[picture.height :].reshape(2, picture.height // 2, -1)[1].astype(int)
    return v


def test_a_still_face_costs_nothing(draw: Draw) -> None:
    first = draw(session="still", jaw_open=0.3, breath=0.5)
    again = draw(session="still", jaw_open=0.3, breath=0.5)
    assert np.shares_memory(first.yuv, again.yuv)
    moved = draw(session="still", jaw_open=0.5, breath=0.5)
    assert not np.shares_memory(first.yuv, moved.yuv)
    assert np.array_equal(draw(session="other", jaw_open=0.3, breath=0.5).yuv, first.yuv), (
        "the first was not written to"
    )


def test_bitten_lip_shows_teeth_above_it(draw: Draw) -> None:
    rows, columns = box("avatar_tutor_13", "mouth", 256)
    inner = slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2 + 3, columns.stop // 2 - 3)
    teeth = {
        name: int((chroma_v(draw(**pose))[inner] < 145).sum())
        for name, pose in {"f": {"lip_bite": 1.0, "jaw_open": 0.1}, "p": {"mouth_close": 1.0}, "rest": {}}.items()
    }
    assert teeth["f"] > max(teeth["p"], teeth["rest"]) + 5


def test_rounded_lips_are_narrower_and_spread_lips_wider(draw: Draw) -> None:
    rows, columns = box("avatar_tutor_13", "mouth", 256)
    around = slice(rows.start // 2 - 2, rows.stop // 2 + 4), slice(columns.start // 2 - 8, columns.stop // 2 + 8)

    rest = chroma_v(draw())[around].max(axis=0)
    red_enough = (int(rest.max()) + int(np.percentile(rest, 10))) / 2

    def width(**channels: float) -> int:
        return int((chroma_v(draw(**channels))[around].max(axis=0) > red_enough).sum())

    assert width(mouth_pucker=1.0) < width() - 3
    assert width(mouth_stretch=1.0, mouth_smile=0.6) > width()


@pytest.mark.parametrize("avatar_id", TUTORS)
def test_blink_hides_the_eye(draw: Draw, avatar_id: str) -> None:
    open_, shut = draw(avatar_id), draw(avatar_id, blink_left=1.0, blink_right=1.0)
    rows, columns = box(avatar_id, "eye", open_.width)
    upper = slice(rows.start + 1, (rows.start + rows.stop) // 2)
    assert luma(open_)[upper, columns].min() < 45, "a pupil"
    assert np.ptp(luma(shut)[upper, columns]) < 0.6 * np.ptp(luma(open_)[upper, columns])


def test_one_eye_winks(draw: Draw) -> None:
    rest, wink = draw(), draw(blink_right=1.0)
    rows, columns = box("avatar_tutor_13", "eye", rest.width)
    changed = np.abs(luma(rest) - luma(wink)) > 20
    assert changed[rows, columns].sum() > 40
    assert not changed[rows, rest.width // 2 :].any(), "the tutor's left eye stays open"


def test_gaze_moves_the_iris_the_right_way(draw: Draw) -> None:
    def darkest(look_x: float) -> float:
        picture = draw(look_x=look_x)
        rows, columns = box("avatar_tutor_13", "eye", picture.width)
        weight = np.clip(90 - luma(picture)[rows, columns], 0, None).sum(axis=0)
        return float((weight * np.arange(len(weight))).sum() / weight.sum())

    assert darkest(1.0) > darkest(0.0) + 1 and darkest(-1.0) < darkest(0.0) - 1


def test_head_turns_more_inside_than_at_its_edge(draw: Draw) -> None:
    """Parallax: the eye travels further than the outline of the hair."""

    def shift(region: tuple[slice, slice]) -> int:
        rest, turned = luma(draw())[region], luma(draw(head_yaw=0.6))
        rows, columns = region
        errors = [np.abs(turned[rows, columns.start + d : columns.stop + d] - rest).mean() for d in range(16)]
        return int(np.argmin(errors))

    rows, columns = box("avatar_tutor_13", "eye", 256)
    assert shift((rows, columns)) > shift((slice(60, 110), slice(52, 72)))


def test_same_pose_same_picture_whatever_came_before(
    draw: Draw, renderer: PuppetRenderer, request_for: RequestFor
) -> None:
    pose = {"jaw_open": 0.4, "head_yaw": 0.31, "breath": 0.6, "blink_left": 0.3}
    fresh = draw(session="fresh", **pose).yuv.copy()
    for step in range(5):
        draw(session="busy", head_yaw=0.1 * step, head_roll=-0.1 * step, jaw_open=0.2 * step)
    assert np.array_equal(draw(session="busy", **pose).yuv, fresh)
    batch = renderer.render(
        [
            request_for(session="a", head_pitch=1.0),
            request_for(session="b", **pose),
            request_for("avatar_tutor_7", session="b"),
            request_for(session="b", **pose),
        ]
    )
    assert np.array_equal(batch[1].yuv, fresh) and np.array_equal(batch[3].yuv, fresh)
    assert not np.array_equal(batch[0].yuv, fresh)


def test_batched_drawing_equals_one_by_one() -> None:
    """The path a GPU takes, on the CPU."""
    face = Face(BUILTIN / "avatar_tutor_13", 256, torch.device("cpu"))
    poses = np.stack([viseme_pose(name) for name in VISEMES[:4]])
    together = face.draw(poses, face.scene(4)).numpy()
    for pose, drawn in zip(poses, together, strict=True):
        alone = face.draw(pose[None], face.scene()).numpy()[0]
        assert np.abs(alone.astype(int) - drawn).max() <= 2


@pytest.mark.skipif(not COMPILED, reason="needs numba")
@pytest.mark.parametrize("size", [256, 144])
@pytest.mark.parametrize("layers", ["all", "one"])
@pytest.mark.parametrize("avatar_id", TUTORS)
def test_compiled_loops_draw_what_tensors_draw(avatar_id: str, layers: str, size: int) -> None:
    """A sample on an edge may fall to its neighbour by rounding; nothing else differs."""
    face = Face(BUILTIN / avatar_id, size, torch.device("cpu"))
    if layers == "one":  # as a portrait is
        face.body = face.eyeballs = face.lashes = None
    compiled = CompiledFace(face)
    scene, sketch = face.scene(), compiled.scene()
    random = np.random.default_rng(7)
    poses = [viseme_pose(name) for name in VISEMES]
    poses += [random.uniform(-0.3, 1.0, len(POSE_CHANNELS)).astype(np.float32) for _ in range(12)]
    for pose in poses:
        tensors = face.draw(pose[None], scene).numpy()[0].astype(int)
        loops = compiled.draw(pose[None], sketch)[0].astype(int)
        difference = np.abs(tensors - loops)
        assert difference.mean() < 0.02
        assert (difference > 2).mean() < 0.002
        assert difference.max() <= 24


@pytest.mark.skipif(not COMPILED, reason="needs numba")
def test_without_numba_tensors_draw(request_for: RequestFor) -> None:
    renderer = PuppetRenderer(size=144, compiled=False)
    assert isinstance(renderer.load("avatar_tutor_1"), Face)
    request = replace(request_for(jaw_open=0.5), avatar=renderer.load("avatar_tutor_1"))
    assert np.ptp(luma(renderer.render([request])[0])) > 120
    renderer.close()


def test_drawing_starts_no_threads(draw: Draw) -> None:
    before = threading.active_count()
    draw(jaw_open=0.5)
    assert threading.active_count() == before


def test_other_sizes_draw(request_for: RequestFor) -> None:
    for size in (144, 640):
        other = PuppetRenderer(size=size)
        base = request_for(jaw_open=0.5)
        request = FrameRequest(other.load("avatar_tutor_7"), base.frame, 0.0, "s")
        picture = other.render([request])[0]
        assert picture.yuv.shape == (size * 3 // 2, size)
        assert np.ptp(luma(picture)) > 120
        other.close()


def test_built_in_tutors_are_listed(renderer: PuppetRenderer) -> None:
    listed = {info.id: info for info in renderer.list_avatars()}
    assert set(TUTORS) <= set(listed) and set(TUTORS) <= set(find_ids([BUILTIN]))
    assert listed["avatar_tutor_13"].name == "Maya" and listed["avatar_tutor_13"].size == (256, 256)


def test_warming_up_tells_what_batches_take() -> None:
    other = PuppetRenderer(size=64)
    other.load("avatar_tutor_1")
    seconds = other.warm_up()
    assert list(seconds) == list(other.batch_sizes)
    assert all(taken > 0 for taken in seconds.values())
    other.close()


def test_nothing_is_kept_for_a_session_that_was_forgotten(renderer: PuppetRenderer, draw: Draw) -> None:
    def kept() -> int:
        gc.collect()
        return sum(type(thing) in (Scene, Sketch) for thing in gc.get_objects())

    for avatar_id in TUTORS:
        draw(avatar_id, session="stays", jaw_open=0.5)
    before = kept()
    pictures = [draw(avatar_id, session="leaves", jaw_open=0.5).yuv.copy() for avatar_id in TUTORS]
    assert kept() == before + len(TUTORS)
    renderer.end_session("leaves")
    renderer.end_session("never came")
    assert kept() == before
    again = [draw(avatar_id, session="leaves", jaw_open=0.5) for avatar_id in TUTORS]
    assert all(np.array_equal(a.yuv, b) for a, b in zip(again, pictures, strict=True))
    renderer.end_session("leaves")


def test_the_same_avatar_in_another_size_is_the_same_picture_larger(
    renderer: PuppetRenderer, request_for: RequestFor
) -> None:
    usual, large = renderer.load("avatar_tutor_13"), renderer.load("avatar_tutor_13", 2 * SIZE)
    assert renderer.load("avatar_tutor_13", 2 * SIZE) is large is not usual
    request = request_for(jaw_open=0.5)
    small, big = renderer.render([request, replace(request, avatar=large, session="large")])
    assert (small.width, big.width, big.height, big.yuv.shape) == (SIZE, 2 * SIZE, 2 * SIZE, (3 * SIZE, 2 * SIZE))
    halved = luma(big).reshape(SIZE, 2, SIZE, 2).mean(axis=(1, 3))
    assert np.abs(halved - luma(small)).mean() < 4
    renderer.forget("avatar_tutor_13")
    assert renderer.load("avatar_tutor_13", 2 * SIZE) is not large
