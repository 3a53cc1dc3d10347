import dataclasses

import pytest

from simulators.people.household import Condition
from simulators.people.responder import ActKind, ReceivedMessage, decide

MESSAGE = ReceivedMessage("person-01", "person-02", "call", at_ms=1_767_236_400_000)


def always(condition):
    return lambda _at_ms: condition


def outcomes(message, person, responder=None, seeds=range(400)):
    return [[act.kind for act in decide(seed, message, always(person), responder)] for seed in seeds]


def test_the_same_seed_and_message_give_the_same_acts_and_others_do_not_share_them():
    def acts(**changes):
        message = dataclasses.replace(MESSAGE, **changes)
        return [decide(seed, message, always(Condition.WELL)) for seed in range(50)]

    assert acts() == acts()
    for change in ({"responder": "person-03"}, {"person": "person-09"}, {"nth": 1}, {"occasion": 1}):
        assert acts(**change) != acts()


def test_a_well_person_mostly_answers_and_a_collapsed_one_never():
    ask = dataclasses.replace(MESSAGE, responder="person-01", purpose="ask")
    answered = [bool(kinds) for kinds in outcomes(ask, Condition.WELL)]
    assert 0.85 < sum(answered) / 400 < 0.98
    for condition in (Condition.COLLAPSED, Condition.HOSPITAL):
        assert not any(outcomes(ask, condition))
    assert {tuple(kinds) for kinds in outcomes(ask, Condition.AWAY)} == {(), (ActKind.SAFE,)}


@pytest.mark.parametrize(
    ("person", "said"), [(Condition.COLLAPSED, ActKind.CALLED_119), (Condition.WELL, ActKind.SAFE)]
)
def test_a_neighbour_goes_and_says_what_was_found_or_cannot_or_does_not_hear(person, said):
    seen = {tuple(kinds) for kinds in outcomes(MESSAGE, person)}
    assert seen == {(), (ActKind.CANNOT,), (ActKind.GOING, ActKind.ENTERS, said)}


def test_acts_come_in_order_within_an_hour():
    for seed in range(200):
        delays = [act.delay_ms for act in decide(seed, MESSAGE, always(Condition.COLLAPSED))]
        assert delays == sorted(delays)
        assert all(0 < delay < 3_600_000 for delay in delays)


def test_what_is_found_is_how_the_person_is_on_arrival_not_when_the_message_came():
    def recovers(at_ms):
        return Condition.COLLAPSED if at_ms <= MESSAGE.at_ms else Condition.HOSPITAL

    kinds = {act.kind for seed in range(100) for act in decide(seed, MESSAGE, recovers)}
    assert ActKind.CALLED_119 not in kinds
    assert ActKind.ENTERS in kinds


def test_a_neighbour_who_collapsed_answers_nothing_and_one_who_is_out_cannot():
    assert not any(outcomes(MESSAGE, Condition.WELL, always(Condition.COLLAPSED)))
    away = {tuple(kinds) for kinds in outcomes(MESSAGE, Condition.WELL, always(Condition.AWAY))}
    assert away == {(), (ActKind.CANNOT,)}


def test_staff_go_where_nobody_answers_the_telephone_and_news_wants_no_answer():
    staff = dataclasses.replace(MESSAGE, purpose="staff")
    assert {tuple(kinds) for kinds in outcomes(staff, Condition.COLLAPSED)} == {
        (),
        (ActKind.GOING, ActKind.ENTERS, ActKind.CALLED_119),
    }
    assert {tuple(kinds) for kinds in outcomes(staff, Condition.HOSPITAL)} == {(), (ActKind.SAFE,)}
    assert not any(outcomes(dataclasses.replace(MESSAGE, purpose="news"), Condition.COLLAPSED))
