"""The floor changes hands only in ways that make sense."""

from __future__ import annotations

from itertools import product

import pytest

from engine.turn_taking.turn_state import Contest, FloorState

LEGAL = {
    (FloorState.UNCONTESTED, FloorState.DUCKED),
    (FloorState.DUCKED, FloorState.UNCONTESTED),
    (FloorState.DUCKED, FloorState.DISMISSED),
    (FloorState.DUCKED, FloorState.TAKEN),
    (FloorState.DISMISSED, FloorState.UNCONTESTED),
    (FloorState.DISMISSED, FloorState.TAKEN),
}


@pytest.mark.parametrize(("before", "after"), sorted(LEGAL, key=str))
def test_a_legal_transition_is_made(before: FloorState, after: FloorState) -> None:
    contest = Contest(before)
    contest.become(after)
    assert contest.floor is after


@pytest.mark.parametrize(("before", "after"), sorted(set(product(FloorState, repeat=2)) - LEGAL, key=str))
def test_an_illegal_transition_is_refused_and_changes_nothing(before: FloorState, after: FloorState) -> None:
    contest = Contest(before)
    with pytest.raises(ValueError, match="cannot follow"):
        contest.become(after)
    assert contest.floor is before


def test_the_floor_is_undecided_while_ducked_and_while_noise_goes_on() -> None:
    undecided = {state for state in FloorState if Contest(state).undecided}
    assert undecided == {FloorState.DUCKED, FloorState.DISMISSED}
