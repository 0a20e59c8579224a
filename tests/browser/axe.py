"""axe-core, which finds what keeps people with disabilities out: https://github.com/dequelabs/axe-core (MPL-2.0).

Fetched from the npm registry into ``artefacts/``, pinned by hash; no part of what is installed or shipped.
"""

from __future__ import annotations

import re
from typing import Any

from playwright.async_api import Page

from engine.models.hashes import no_progress
from engine.models.npm import NpmData, pull_npm
from tests.browser.conftest import ARTEFACTS

AXE = NpmData(
    package="axe-core",
    version="4.14.1",
    sha256="e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
    size=708_405,
    licence="MPL-2.0",
    members=re.compile(r"package/(axe\.min\.js)"),
    count=1,
    member_size=653_780,
)
FOLDER = ARTEFACTS / f"axe-core-{AXE.version}"


def script() -> str:
    """Its source; defines ``axe``."""
    if not (FOLDER / "axe.min.js").exists():
        pull_npm("axe-core", AXE, FOLDER, no_progress)
    return (FOLDER / "axe.min.js").read_text()


async def findings(page: Page) -> list[Any]:
    """What is wrong with the page as it is shown now, as ``[rule, impact, elements]``; contrast counts too."""
    found: list[Any] = await page.evaluate(
        "axe.run().then(({violations}) => violations.map(({id, impact, nodes}) => "
        "[id, impact, nodes.map(({html, failureSummary}) => `${html.slice(0, 200)} ${failureSummary}`)]))"
    )
    return found


async def serious(page: Page) -> list[Any]:
    """Those of the ``findings`` that keep people out, or make it hard for them."""
    return [found for found in await findings(page) if found[1] in ("serious", "critical")]
