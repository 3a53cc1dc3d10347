"""In which state a home is shown."""

import pytest

from dashboard.reading.states import (
    BoardState,
    concerns_person,
    is_proven_alive,
    order,
    state_of_home,
    state_of_incident,
)

NOW = 1_000_000_000
WELL = {"alive": True, "absent": False, "ready": True, "ask_at_ms": NOW + 1, "now_ms": NOW}


def shown(*cases: BoardState, **facts: object) -> BoardState:
    return state_of_home(cases, **{**WELL, **facts})  # type: ignore[arg-type]


def test_a_home_that_lives_as_usual_is_quiet():
    assert shown() is BoardState.QUIET


def test_a_rhythm_that_is_not_learned_is_never_shown_as_all_is_well():
    assert shown(ready=False) is BoardState.LEARNING


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("ask_at_ms", [None, NOW - 1, NOW + 1])
def test_devices_not_proven_alive_make_a_home_unknown_whatever_else_is_known(ready: bool, ask_at_ms: int | None):
    assert shown(alive=False, ready=ready, ask_at_ms=ask_at_ms) is BoardState.UNKNOWN


def test_a_deadline_that_has_passed_without_a_case_asks_for_attention():
    assert shown(ask_at_ms=NOW) is BoardState.DUE


def test_a_registered_absence_outranks_unknown_devices():
    assert shown(absent=True, alive=False) is BoardState.ABSENT


@pytest.mark.parametrize(
    ("state", "person_alone", "expected"),
    [
        ("notifying", True, BoardState.ASKING),
        ("notifying", False, BoardState.NEEDS),
        ("claimed", False, BoardState.GOING),
        ("emergency", False, BoardState.EMERGENCY),
        ("staff_attention", False, BoardState.NEEDS),
        ("deferred", True, BoardState.DEFERRED),
        ("a later version's state", False, BoardState.NEEDS),
    ],
)
def test_an_open_case_outranks_everything(state: str, person_alone: bool, expected: BoardState):
    assert shown(state_of_incident(state, person_alone=person_alone), alive=False, absent=True, ready=False) is expected


def test_of_two_cases_the_worse_one_is_shown():
    assert shown(BoardState.GOING, BoardState.NEEDS) is BoardState.NEEDS


def test_a_proof_of_life_grows_old():
    assert is_proven_alive(NOW - 900_000, NOW, 900)
    assert not is_proven_alive(NOW - 900_001, NOW, 900)
    assert not is_proven_alive(None, NOW, 900)


def test_who_needs_someone_comes_first_then_the_next_deadline():
    lines = [
        (BoardState.QUIET, NOW + 10), (BoardState.UNKNOWN, None), (BoardState.GOING, NOW + 5),
        (BoardState.NEEDS, NOW + 90),
        (BoardState.LEARNING, NOW + 2), (BoardState.ASKING, NOW + 1), (BoardState.EMERGENCY, NOW + 80),
    ]  # fmt: skip
    assert [state for state, _ in sorted(lines, key=lambda line: order(*line))] == [
        BoardState.EMERGENCY, BoardState.NEEDS, BoardState.GOING, BoardState.ASKING, BoardState.LEARNING,
        BoardState.QUIET, BoardState.UNKNOWN,
    ]  # fmt: skip


def test_a_kind_nobody_knows_yet_is_taken_to_be_about_a_person():
    assert concerns_person("silence")
    assert not concerns_person("gateway_lost")
    assert concerns_person("smoke")
