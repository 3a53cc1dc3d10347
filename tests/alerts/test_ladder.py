"""Targets."""

from alerts.ladder import targets
from alerts.model import Purpose, Roster
from alerts.settings import Audience, Step


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
