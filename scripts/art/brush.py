"""Drawing tools for the tutors: smooth curves, soft shading and strands of hair, over skia.

Everything is in art units: a canvas of 1024 x 1024, y down. A sheet is drawn at twice that
and halved at the end, so edges are smooth.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import skia
from PIL import Image

CANVAS = 1024
SUPERSAMPLE = 2

Point = tuple[float, float]
Shape = skia.Path


def color(value: str, alpha: float = 1.0) -> int:
    """``#rrggbb`` and an alpha of 0..1 as skia wants it."""
    red, green, blue = (int(value[i : i + 2], 16) for i in (1, 3, 5))
    return int(skia.ColorSetARGB(round(alpha * 255), red, green, blue))


def mix(first: str, second: str, share: float) -> str:
    """The colour ``share`` of the way from ``first`` to ``second``."""
    pairs = ((int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def spline(points: Sequence[Point], steps: int = 16, closed: bool = False) -> list[Point]:
    """Points on the Catmull-Rom curve through ``points`` (centripetal, so it never loops)."""
    knots = np.asarray(points, float)
    if closed:
        knots = np.vstack([knots[-1], knots, knots[0], knots[1]])
    else:
        knots = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    result: list[Point] = []
    for p0, p1, p2, p3 in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        times = np.cumsum(
            [0.0] + [max(1e-6, float(np.hypot(*(b - a)))) ** 0.5 for a, b in ((p0, p1), (p1, p2), (p2, p3))]
        )
        t0, t1, t2, t3 = times
        for t in np.linspace(t1, t2, steps, endpoint=False):
            a1 = (t1 - t) / (t1 - t0) * p0 + (t - t0) / (t1 - t0) * p1
            a2 = (t2 - t) / (t2 - t1) * p1 + (t - t1) / (t2 - t1) * p2
            a3 = (t3 - t) / (t3 - t2) * p2 + (t - t2) / (t3 - t2) * p3
            b1 = (t2 - t) / (t2 - t0) * a1 + (t - t0) / (t2 - t0) * a2
            b2 = (t3 - t) / (t3 - t1) * a2 + (t - t1) / (t3 - t1) * a3
            result.append(tuple((t2 - t) / (t2 - t1) * b1 + (t - t1) / (t2 - t1) * b2))
    if not closed:
        result.append(tuple(knots[-2]))
    return result


def outline(points: Sequence[Point], closed: bool = True) -> Shape:
    """Straight segments through ``points`` (already dense, as ``spline`` gives them)."""
    path = skia.Path()
    path.addPoly([skia.Point(float(x), float(y)) for x, y in points], closed)
    return path


def blob(points: Sequence[Point]) -> Shape:
    """A closed smooth shape through ``points``."""
    return outline(spline(points, closed=True))


def ellipse(x: float, y: float, rx: float, ry: float) -> Shape:
    path = skia.Path()
    path.addOval(skia.Rect.MakeLTRB(x - rx, y - ry, x + rx, y + ry))
    return path


def rectangle(x0: float, y0: float, x1: float, y1: float, radius: float = 0) -> Shape:
    path = skia.Path()
    path.addRoundRect(skia.Rect.MakeLTRB(x0, y0, x1, y1), radius, radius)
    return path


def mirrored(points: Sequence[Point], axis: float) -> list[Point]:
    return [(2 * axis - x, y) for x, y in points]


def symmetric(half: Sequence[Point], axis: float) -> Shape:
    """A closed shape from its right half: ``(distance from the axis, y)`` from top to bottom."""
    right = [(axis + dx, y) for dx, y in half]
    left = [(axis - dx, y) for dx, y in reversed(half) if dx > 0.5]
    return blob(right + left)


class Sheet:
    """A transparent layer to draw on."""

    def __init__(self) -> None:
        edge = CANVAS * SUPERSAMPLE
        self.surface = skia.Surface(edge, edge)
        self.canvas = self.surface.getCanvas()
        self.canvas.scale(SUPERSAMPLE, SUPERSAMPLE)

    def fill(self, shape: Shape, value: str, alpha: float = 1.0, blur: float = 0.0, mode: str = "normal") -> None:
        """Fill; ``blur`` is the sigma of a soft edge; ``mode`` normal, multiply or screen."""
        self.canvas.drawPath(shape, _paint(value, alpha, blur, mode))

    def gradient(
        self,
        shape: Shape,
        start: Point,
        end: Point,
        stops: Sequence[tuple[float, str] | tuple[float, str, float]],
        blur: float = 0.0,
        mode: str = "normal",
    ) -> None:
        """Fill with a linear gradient; a stop is (position, colour) or (position, colour, alpha)."""
        paint = _paint("#000000", 1, blur, mode)
        paint.setShader(
            skia.GradientShader.MakeLinear(
                [skia.Point(*start), skia.Point(*end)],
                [color(s[1], s[2] if len(s) > 2 else 1) for s in stops],
                [s[0] for s in stops],
            )
        )
        self.canvas.drawPath(shape, paint)

    def radial(
        self,
        shape: Shape,
        center: Point,
        radius: float,
        stops: Sequence[tuple[float, str] | tuple[float, str, float]],
        squash: float = 1.0,
        mode: str = "normal",
    ) -> None:
        """Fill with a radial gradient whose circles are ``squash`` times as high as wide."""
        paint = _paint("#000000", 1, 0, mode)
        matrix = skia.Matrix()
        matrix.setScale(1, squash, *center)
        paint.setShader(
            skia.GradientShader.MakeRadial(
                skia.Point(*center),
                radius,
                [color(s[1], s[2] if len(s) > 2 else 1) for s in stops],
                [s[0] for s in stops],
                skia.TileMode.kClamp,
                0,
                matrix,
            )
        )
        self.canvas.drawPath(shape, paint)

    def glow(self, x: float, y: float, rx: float, ry: float, value: str, alpha: float, mode: str = "normal") -> None:
        """A soft spot that fades to nothing at its edge."""
        stops = [(0.0, value, alpha), (0.35, value, alpha * 0.72), (0.7, value, alpha * 0.22), (1.0, value, 0.0)]
        self.radial(ellipse(x, y, rx, ry), (x, y), rx, stops, squash=ry / rx, mode=mode)

    def line(
        self,
        points: Sequence[Point],
        width: float | Callable[[float], float],
        value: str,
        alpha: float = 1.0,
        blur: float = 0.0,
        mode: str = "normal",
    ) -> None:
        """A smooth stroke through ``points``; ``width`` may vary with the way along it (0..1)."""
        self.fill(stroke_shape(spline(points), width), value, alpha, blur, mode)

    @contextmanager
    def clipped(self, shape: Shape) -> Iterator[None]:
        self.canvas.save()
        self.canvas.clipPath(shape, skia.ClipOp.kIntersect, True)
        yield
        self.canvas.restore()

    @contextmanager
    def blurred(self, sigma: float) -> Iterator[None]:
        """Blur all that is drawn inside as one picture."""
        paint = skia.Paint(ImageFilter=skia.ImageFilters.Blur(sigma, sigma, skia.TileMode.kClamp))
        self.canvas.saveLayer(None, paint)
        yield
        self.canvas.restore()

    def image(self) -> Image.Image:
        """The finished layer: 1024 x 1024 RGBA, straight alpha."""
        pixels = self.surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)
        premultiplied = pixels.astype(np.float32)
        alpha = premultiplied[..., 3:] / 255
        premultiplied[..., :3] *= alpha
        halved = premultiplied.reshape(CANVAS, SUPERSAMPLE, CANVAS, SUPERSAMPLE, 4).mean((1, 3))
        halved[..., :3] /= np.maximum(halved[..., 3:] / 255, 1e-4)
        return Image.fromarray(halved.round().clip(0, 255).astype(np.uint8), "RGBA")


def stroke_shape(points: Sequence[Point], width: float | Callable[[float], float]) -> Shape:
    """The outline of a stroke along dense ``points``."""
    line = np.asarray(points, float)
    direction = np.gradient(line, axis=0)
    direction /= np.maximum(np.hypot(direction[:, 0], direction[:, 1]), 1e-6)[:, None]
    normal = np.stack([-direction[:, 1], direction[:, 0]], 1)
    along = np.linspace(0, 1, len(line))
    half = np.array([(width(float(t)) if callable(width) else width) / 2 for t in along])[:, None]
    return outline([*map(tuple, line + normal * half), *map(tuple, (line - normal * half)[::-1])])


def taper(width: float, start: float = 0.2, end: float = 0.1) -> Callable[[float], float]:
    """A stroke width that swells from ``start`` to full and thins to ``end`` (shares of it)."""

    def at(t: float) -> float:
        rise = start + (1 - start) * min(1.0, t / 0.35)
        fall = end + (1 - end) * min(1.0, (1 - t) / 0.45)
        return width * min(rise, fall)

    return at


def wavy(points: Sequence[Point], depth: float, waves: float, phase: float = 0.0, start: float = 0.35) -> list[Point]:
    """A guide curve with a wave that grows from ``start`` (share of its length) to its end."""
    line = _resample(points, 60)
    direction = np.gradient(line, axis=0)
    direction /= np.maximum(np.hypot(direction[:, 0], direction[:, 1]), 1e-6)[:, None]
    along = np.linspace(0, 1, len(line))
    grown = np.clip((along - start) / (1 - start), 0, 1)
    swing = depth * grown**0.7 * np.sin(2 * np.pi * waves * grown + phase)
    bent = line + np.stack([-direction[:, 1], direction[:, 0]], 1) * swing[:, None]
    return [tuple(point) for point in bent[::3]]


def lock(
    sheet: Sheet,
    inner: Sequence[Point],
    outer: Sequence[Point],
    tones: tuple[str, str, str],
    seed: int,
    strands: int = 46,
    shine: tuple[float, float] | None = (0.18, 0.34),
    shine_alpha: float = 0.5,
    depth: float = 0.35,
    pointed: float = 0.0,
) -> None:
    """A lock of hair between two guide curves: body, shadowed edges, strands and a band of shine.

    ``tones`` are dark, middle and light; ``depth`` darkens the body (locks behind others);
    ``pointed`` draws the curves together towards the tip.
    """
    dark, middle, light = tones
    chance = random.Random(seed)
    first, second = _resample(inner), _resample(outer)
    if pointed:
        close = (pointed * np.clip((np.linspace(0, 1, len(first)) - 0.55) / 0.45, 0, 1) ** 1.6)[:, None] / 2
        first, second = first + (second - first) * close, second + (first - second) * close
    shape = outline([*map(tuple, first), *map(tuple, second[::-1])])
    body = mix(middle, dark, depth)
    sheet.gradient(
        shape,
        tuple(first[0]),
        tuple(second[-1]),
        [(0, mix(body, dark, 0.3)), (0.3, body), (0.65, mix(body, dark, 0.15)), (1, mix(body, dark, 0.6))],
    )
    with sheet.clipped(shape):
        for edge, strength in ((first, 0.5), (second, 0.35)):
            sheet.fill(stroke_shape(list(map(tuple, edge)), 20), dark, strength, blur=9)
        centre = (first + second) / 2
        sheet.fill(
            stroke_shape(list(map(tuple, centre[8:90])), taper(42, 0.2, 0.1)), middle, 0.5 * (1 - depth), blur=12
        )
        for _ in range(strands):
            where, drift = chance.random(), chance.uniform(-0.14, 0.14)
            begin, stop = chance.uniform(0, 0.45), chance.uniform(0.55, 1.0)
            share = (where + drift * np.linspace(-0.5, 0.5, len(first)))[:, None]
            curve = first + (second - first) * share
            part = curve[int(begin * len(curve)) : max(int(stop * len(curve)), int(begin * len(curve)) + 6)]
            bright = chance.random() < 0.5
            sheet.fill(
                stroke_shape(list(map(tuple, part)), taper(chance.uniform(1.2, 4.5), 0.05, 0.05)),
                light if bright else dark,
                chance.uniform(0.1, 0.32) if bright else chance.uniform(0.12, 0.36),
                blur=0.5,
            )
        if shine is not None:
            _shine(sheet, first, second, light, shine, shine_alpha, chance)


def cast(
    sheet: Sheet,
    onto: Shape,
    edge: Sequence[Point],
    value: str,
    alpha: float = 0.5,
    width: float = 46,
    blur: float = 13,
) -> None:
    """The soft shadow that a lock with this edge throws on what lies below it."""
    with sheet.clipped(onto):
        sheet.fill(stroke_shape(spline(edge), width), value, alpha, blur, mode="multiply")


def flyaways(sheet: Sheet, curve: Sequence[Point], tone: str, seed: int, count: int = 14, reach: float = 9) -> None:
    """Single hairs that leave the outline."""
    chance = random.Random(seed)
    line = _resample(curve)
    for _ in range(count):
        start = chance.randint(2, len(line) - 30)
        part = line[start : start + chance.randint(12, 26)]
        lift = np.linspace(0, 1, len(part)) ** 1.5 * chance.uniform(0.3, 1) * reach
        direction = np.gradient(part, axis=0)
        normal = np.stack([direction[:, 1], -direction[:, 0]], 1) / np.maximum(np.hypot(*direction.T), 1e-6)[:, None]
        sheet.fill(stroke_shape(list(map(tuple, part + normal * lift[:, None])), taper(1.3, 0.8, 0.1)), tone, 0.55)


def _shine(
    sheet: Sheet,
    first: np.ndarray,
    second: np.ndarray,
    light: str,
    band: tuple[float, float],
    alpha: float,
    chance: random.Random,
) -> None:
    for _ in range(34):
        share = chance.uniform(0.08, 0.92)
        middle, length = chance.uniform(*band), chance.uniform(0.05, 0.13)
        curve = first + (second - first) * share
        part = curve[max(0, int((middle - length) * len(curve))) : int((middle + length) * len(curve))]
        if len(part) > 3:
            sheet.fill(
                stroke_shape(list(map(tuple, part)), taper(chance.uniform(2.5, 7), 0.05, 0.05)),
                light,
                alpha * chance.uniform(0.25, 0.8),
                blur=2.2,
            )


def _resample(points: Sequence[Point], count: int = 120) -> np.ndarray:
    curve = np.asarray(spline(points, 24))
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    at = np.linspace(0, length[-1], count)
    return np.stack([np.interp(at, length, curve[:, 0]), np.interp(at, length, curve[:, 1])], 1)


def _paint(value: str, alpha: float, blur: float, mode: str) -> skia.Paint:
    paint = skia.Paint(AntiAlias=True, Color=color(value, alpha))
    if blur:
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur))
    modes = {
        "multiply": skia.BlendMode.kMultiply,
        "screen": skia.BlendMode.kScreen,
        "over": skia.BlendMode.kOverlay,
        "soft": skia.BlendMode.kSoftLight,
    }
    if mode in modes:
        paint.setBlendMode(modes[mode])
    return paint
