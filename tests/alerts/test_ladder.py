"""Rotation and targets."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.ladder import Turn, rotated, targets
from alerts.model import Purpose, Roster
from alerts.settings import Audience, Step


def test_whoever_was_not_called_for_longest_is_first():
    turns = [Turn("a", 1, 500), Turn("b", 9, 100), Turn("c"), Turn("d", 2, 100)]
    assert rotated(turns) == ("c", "d", "b", "a")


@given(st.permutations(["a", "b", "c", "d", "e"]), st.integers(1, 4), st.integers(5, 60))
def test_over_many_incidents_nobody_is_called_more_than_once_more_than_another(people, at_once, incidents):
    turns = {person: Turn(person) for person in people}
    for moment in range(incidents):
        for person in rotated(turns.values())[:at_once]:
            turns[person] = Turn(person, turns[person].calls + 1, moment)
    calls = [turn.calls for turn in turns.values()]
    assert max(calls) - min(calls) <= 1


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
