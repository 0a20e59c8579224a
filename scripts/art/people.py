"""The tutors: who they are, how they look and what surrounds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from art.brush import Sheet
from art.look import Look
from art.maya import MAYA, maya_body, maya_hair, maya_room
from art.mei import MEI, mei_body, mei_hair, mei_room
from art.samuel import SAMUEL, samuel_body, samuel_hair, samuel_room


@dataclass(frozen=True)
class Tutor:
    """One avatar folder."""

    id: str
    name: str
    description: str
    look: Look
    backdrop: Callable[[Sheet], None]
    body: Callable[[Sheet, Look], None]
    """Back hair, neck and clothes."""
    hair: Callable[[Sheet, Look], None]
    """Front hair and what else sits on the head."""


TUTORS = (
    Tutor("avatar_tutor_13", "Maya", "A warm language tutor in a bright study.", MAYA, maya_room, maya_body, maya_hair),
    Tutor(
        "avatar_tutor_1",
        "Samuel",
        "A calm science teacher in his classroom.",
        SAMUEL,
        samuel_room,
        samuel_body,
        samuel_hair,
    ),
    Tutor("avatar_tutor_7", "Mei", "A patient teacher with a lifetime of stories.", MEI, mei_room, mei_body, mei_hair),
)
