"""The files of the built-in page: all there, and what others made unchanged."""

from __future__ import annotations

import hashlib
import re
from io import BytesIO

from PIL import Image

from engine.avatars.folders import BUILTIN
from engine.transport.api.routes import ASSETS, STILLS, WEB_DIR

KATEX = WEB_DIR / "katex"


def test_what_was_taken_over_from_katex_is_unchanged() -> None:
    lines = [line.split() for line in (KATEX / "SHA256SUMS").read_text().splitlines()]
    pinned = {name: digest for digest, name in lines}
    files = [path for path in KATEX.rglob("*") if path.is_file() and path.name != "SHA256SUMS"]
    assert {
        path.relative_to(KATEX).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    } == pinned


def test_everything_the_page_asks_for_is_served() -> None:
    wanted = set(re.findall(r'"static/([^"]+)"', (WEB_DIR / "index.html").read_text()))
    for script in WEB_DIR.glob("*.js"):
        wanted |= set(re.findall(r'(?:from |import\(|URL\()"\./([^"]+\.(?:js|css))"', script.read_text()))
    assert wanted <= ASSETS
    assert len(wanted) > 15 and "katex/katex.min.js" in wanted


def test_every_built_in_avatar_can_be_shown_before_the_models_are_loaded() -> None:
    assert STILLS.keys() == {manifest.parent.name for manifest in BUILTIN.glob("*/manifest.json")}
    for still in STILLS.values():
        width, height = Image.open(BytesIO(still)).size
        assert width == height >= 512 and len(still) < 100_000
