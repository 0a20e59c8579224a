"""Admission: when one more session has to wait."""

from __future__ import annotations

import pytest

from engine.admission import Admission


@pytest.mark.parametrize(("picture_s", "fits"), [(0.001, True), (0.004, True), (0.02, False)])
def test_admission_follows_the_cost_of_a_picture(picture_s: float, fits: bool) -> None:
    refused = Admission(64, measured=True).refuse(
        sessions=20, present=20, speaking=3, picture_s=picture_s, dropping=False
    )
    assert (refused is None) == fits


def test_admission_counts_who_speaks() -> None:
    admission = Admission(64, measured=True)
    assert admission.refuse(sessions=8, present=8, speaking=2, picture_s=0.006, dropping=False) is None
    refused = admission.refuse(sessions=8, present=8, speaking=7, picture_s=0.006, dropping=False)
    assert refused is not None
    assert refused[1] > 0, "it says when to come back"


def test_nobody_is_admitted_while_pictures_are_left_out() -> None:
    admission = Admission(64, measured=True)
    assert admission.refuse(sessions=5, present=5, speaking=1, picture_s=0.001, dropping=True) is not None


def test_sessions_whose_students_have_left_take_no_place() -> None:
    admission = Admission(64, measured=True)
    assert admission.refuse(sessions=30, present=30, speaking=0, picture_s=0.01, dropping=False) is not None
    assert admission.refuse(sessions=30, present=2, speaking=0, picture_s=0.01, dropping=False) is None
    assert admission.refuse(sessions=64, present=2, speaking=0, picture_s=0.01, dropping=False) is not None


def test_one_session_always_fits() -> None:
    admission = Admission(64, measured=True)
    assert admission.refuse(sessions=0, present=0, speaking=0, picture_s=5.0, dropping=False) is None


def test_a_fixed_number_asks_for_no_measurement() -> None:
    admission = Admission(3, measured=False)
    assert admission.refuse(sessions=2, present=2, speaking=2, picture_s=5.0, dropping=True) is None
    assert admission.refuse(sessions=3, present=3, speaking=0, picture_s=0.0, dropping=False) is not None
