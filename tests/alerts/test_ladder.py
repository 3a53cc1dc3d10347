"""Targets."""

import pytest

from alerts.decisions.calling.ladder import next_targets, targets
from alerts.decisions.model import IncidentState, Purpose, Recipients
from alerts.decisions.policy import Audience, Step
from alerts.settings import AlertsSettings
from contracts.signals import SignalKind


def test_somebody_who_is_neighbour_and_staff_is_asked_once():
    step = Step((Audience.NEIGHBOURS, Audience.COUNCIL), 60)
    found = targets(step, "hana", Recipients(True, ("a", "b"), ("b", "c")))
    assert [(target.person, target.purpose) for target in found] == [
        ("a", Purpose.CALL),
        ("b", Purpose.CALL),
        ("c", Purpose.STAFF),
    ]


def test_people_are_not_called_about_themselves():
    step = Step((Audience.NEIGHBOURS, Audience.COUNCIL), 60)
    assert targets(step, "hana", Recipients(True, ("hana",), ("hana",))) == ()


@pytest.mark.parametrize(
    ("state", "step", "expected"),
    [
        (IncidentState.NOTIFYING, 0, ["a", "b"]),
        (IncidentState.NOTIFYING, 1, ["s"]),
        (IncidentState.NOTIFYING, 2, ["s"]),
        (IncidentState.STAFF_ATTENTION, 2, ["s"]),
        (IncidentState.EMERGENCY, 1, ["s"]),
        (IncidentState.DEFERRED, 0, ["hana"]),
        (IncidentState.CLAIMED, 1, []),
        (IncidentState.RESOLVED, 1, []),
    ],
)
def test_who_is_asked_when_nobody_answers(state, step, expected):
    policy = AlertsSettings().policy(SignalKind.SILENCE)
    found = next_targets(state, step, policy, "hana", Recipients(True, ("a", "b", "c"), ("s",)))
    assert [target.person for target in found] == expected


def test_a_step_at_which_nobody_can_be_reached_is_passed_over():
    policy = AlertsSettings().policy(SignalKind.SILENCE)
    found = next_targets(IncidentState.NOTIFYING, 0, policy, "hana", Recipients(True, (), ("s",)))
    assert [target.person for target in found] == ["s"]
    assert next_targets(IncidentState.NOTIFYING, 0, policy, "hana", Recipients(True)) == ()
