"""Targets."""

import pytest

from alerts.decisions.ladder import next_targets, targets
from alerts.decisions.model import Purpose, Roster, State
from alerts.decisions.policy import Audience, Step
from alerts.settings import Settings
from contracts.signals import SignalKind


def test_somebody_who_is_neighbour_and_staff_is_asked_once():
    step = Step((Audience.NEIGHBOURS, Audience.COUNCIL), 60)
    found = targets(step, "hana", Roster(True, ("a", "b"), ("b", "c")))
    assert [(target.person, target.purpose) for target in found] == [
        ("a", Purpose.CALL),
        ("b", Purpose.CALL),
        ("c", Purpose.STAFF),
    ]


def test_people_are_not_called_about_themselves():
    step = Step((Audience.NEIGHBOURS, Audience.COUNCIL), 60)
    assert targets(step, "hana", Roster(True, ("hana",), ("hana",))) == ()


@pytest.mark.parametrize(
    ("state", "step", "expected"),
    [
        (State.NOTIFYING, 0, ["a", "b"]),
        (State.NOTIFYING, 1, ["s"]),
        (State.NOTIFYING, 2, ["s"]),
        (State.STAFF_ATTENTION, 2, ["s"]),
        (State.EMERGENCY, 1, ["s"]),
        (State.DEFERRED, 0, ["hana"]),
        (State.CLAIMED, 1, []),
        (State.RESOLVED, 1, []),
    ],
)
def test_who_is_asked_when_nobody_answers(state, step, expected):
    policy = Settings().policy(SignalKind.SILENCE)
    found = next_targets(state, step, policy, "hana", Roster(True, ("a", "b", "c"), ("s",)))
    assert [target.person for target in found] == expected


def test_a_step_at_which_nobody_can_be_reached_is_passed_over():
    policy = Settings().policy(SignalKind.SILENCE)
    found = next_targets(State.NOTIFYING, 0, policy, "hana", Roster(True, (), ("s",)))
    assert [target.person for target in found] == ["s"]
    assert next_targets(State.NOTIFYING, 0, policy, "hana", Roster(True)) == ()
