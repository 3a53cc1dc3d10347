"""The pure machine, transition by transition."""

from dataclasses import replace

import pytest

from alerts.decisions.codes import Reason
from alerts.decisions.commands import Ask, CancelOutstanding, EndClaim, Tell
from alerts.decisions.events import (
    AbsenceStarted,
    Answered,
    Closed,
    ConsentRevoked,
    Moved,
    PersonUnreachable,
    Recovered,
    SaidOk,
    TimePassed,
)
from alerts.decisions.incident import decide, opened
from alerts.decisions.model import TERMINAL, Answer, IncidentState, News, Purpose, Recipients
from alerts.settings import AlertsSettings
from contracts.signals import Sentence, Signal, SignalKind

MINUTE = 60_000
T0 = 1_767_225_600_000
EVERYBODY = Recipients(True, ("ichiro", "jiro", "saburo"), ("shiki",))


def signal(kind=SignalKind.SILENCE, call_in=120 * MINUTE):
    return Signal("home-hana", kind, T0 - 60 * MINUTE, T0, T0 + call_in, Sentence("", ""))


def first(kind=SignalKind.SILENCE, roster=EVERYBODY, call_in=120 * MINUTE):
    return opened(signal(kind, call_in), "hana", AlertsSettings().policy(kind), roster, T0)


def heard(incident):
    """Every message so far was sent at once and has arrived."""
    asked = tuple(replace(item, may_have_arrived=True, accepted_ms=item.at_ms) for item in incident.asked)
    return replace(incident, asked=asked)


def then(incident, event, now_ms, roster=EVERYBODY):
    decision = decide(heard(incident), event, roster, now_ms)
    assert decision is not None
    return decision


def asked(decision):
    return [(command.person, command.purpose) for command in decision.commands if isinstance(command, Ask)]


def told(decision):
    return [(command.person, command.news) for command in decision.commands if isinstance(command, Tell)]


def called(roster=EVERYBODY):
    """The incident at the moment two neighbours have been called."""
    start = first(roster=roster).incident
    return then(start, TimePassed(), start.next_due_ms, roster).incident


@pytest.mark.parametrize(
    ("call_in_min", "wait_min"),
    [(120, 30), (20, 20), (10, 10), (5, 10), (0, 10), (-600, 10)],
    ids=["far", "earlier", "at the least", "too near", "now", "long past"],
)
def test_the_person_has_until_the_call_deadline_but_at_least_ten_minutes(call_in_min, wait_min):
    assert first(call_in=call_in_min * MINUTE).incident.next_due_ms == T0 + wait_min * MINUTE


def test_a_person_who_cannot_be_asked_is_called_for_at_the_call_deadline():
    nobody_home = replace(EVERYBODY, person=False)
    waiting = first(roster=nobody_home)
    assert (asked(waiting), waiting.incident.next_due_ms) == ([], T0 + 120 * MINUTE)
    assert decide(waiting.incident, TimePassed(), nobody_home, T0 + 120 * MINUTE - 1) is None
    decision = decide(waiting.incident, TimePassed(), nobody_home, T0 + 120 * MINUTE)
    assert asked(decision) == [("ichiro", Purpose.CALL), ("jiro", Purpose.CALL)]


def test_without_neighbours_the_council_is_next():
    alone = replace(EVERYBODY, neighbours=())
    decision = then(first(roster=alone).incident, TimePassed(), T0 + 30 * MINUTE, alone)
    assert asked(decision) == [("shiki", Purpose.STAFF)]
    assert (decision.incident.called_ms, decision.incident.council_ms) == (None, T0 + 30 * MINUTE)


def test_with_nobody_at_all_it_stays_on_the_board_and_never_ends():
    nobody = Recipients(True)
    incident = first(roster=nobody).incident
    for _ in range(100):
        incident = then(incident, TimePassed(), incident.next_due_ms, nobody).incident
        assert incident.state is IncidentState.STAFF_ATTENTION
    decision = then(incident, TimePassed(), incident.next_due_ms, EVERYBODY)
    assert asked(decision) == [("shiki", Purpose.STAFF)]


def test_a_movement_ends_it_only_while_the_person_alone_is_asked():
    alone = then(first().incident, Moved(T0 + MINUTE), T0 + MINUTE)
    assert (alone.incident.state, alone.incident.outcome) == (IncidentState.RESOLVED, "movement")
    after = then(called(), Moved(T0 + 31 * MINUTE), T0 + 31 * MINUTE)
    assert after.incident.state is IncidentState.NOTIFYING
    assert told(after) == [("ichiro", News.MOVED), ("jiro", News.MOVED)]
    assert decide(after.incident, Moved(T0 + 32 * MINUTE), EVERYBODY, T0 + 32 * MINUTE) is None


def test_a_movement_does_not_end_a_case_to_which_somebody_is_going_although_the_person_alone_was_asked():
    going = then(first().incident, Answered("shiki", Answer.GOING, 0, 600), T0 + MINUTE).incident
    moved = then(going, Moved(T0 + 10 * MINUTE), T0 + 10 * MINUTE)
    assert (moved.incident.state, moved.incident.claims) == (IncidentState.CLAIMED, going.claims)
    assert told(moved) == [("shiki", News.MOVED)]
    lapsed = then(moved.incident, TimePassed(), moved.incident.next_due_ms)
    assert [person for person, _ in asked(lapsed)] == ["ichiro", "jiro"], "nobody was heard of again: others are called"


def test_the_person_who_needs_help_gets_others_too_while_somebody_is_going_and_who_goes_is_held_to_it():
    start = then(first().incident, Answered("shiki", Answer.GOING, 0, 600), T0 + MINUTE).incident
    decision = then(start, Answered("hana", Answer.CANNOT, start.epoch), T0 + 2 * MINUTE)
    assert [person for person, _ in asked(decision)] == ["ichiro", "jiro"]
    assert told(decision) == [("shiki", News.NEEDS_HELP)]
    assert (decision.incident.state, decision.incident.next_due_ms) == (
        IncidentState.CLAIMED,
        start.claims[0].expires_ms,
    )
    lapsed = then(decision.incident, TimePassed(), decision.incident.next_due_ms)
    assert EndClaim("shiki", "lapsed") in lapsed.commands


def test_a_movement_from_before_the_silence_says_nothing():
    assert decide(first().incident, Moved(T0 - 60 * MINUTE), EVERYBODY, T0) is None


def test_the_persons_own_ok_ends_it_at_any_time_and_the_called_are_told():
    decision = then(called(), SaidOk(T0 + 40 * MINUTE), T0 + 40 * MINUTE)
    assert (decision.incident.state, decision.incident.outcome_by) == (IncidentState.RESOLVED, "hana")
    assert CancelOutstanding() in decision.commands
    assert told(decision) == [("ichiro", News.SELF_OK), ("jiro", News.SELF_OK)]


def test_the_person_who_says_they_need_help_is_not_kept_waiting():
    start = first().incident
    decision = then(start, Answered("hana", Answer.CANNOT, start.epoch), T0 + MINUTE)
    assert [person for person, _ in asked(decision)] == ["ichiro", "jiro"]


def test_going_is_a_lease_that_lapses_to_the_next_neighbour_and_then_to_the_council():
    going = then(called(), Answered("ichiro", Answer.GOING, 2), T0 + 31 * MINUTE)
    assert (going.incident.state, going.incident.next_due_ms) == (IncidentState.CLAIMED, T0 + 61 * MINUTE)
    assert told(going) == [("jiro", News.GOING)]
    second = then(going.incident, Answered("jiro", Answer.GOING, 2), T0 + 33 * MINUTE)
    assert told(second) == [], "who is on the way must not be told to turn round"
    assert decide(going.incident, TimePassed(), EVERYBODY, T0 + 61 * MINUTE - 1) is None
    lapsed = then(going.incident, TimePassed(), T0 + 61 * MINUTE)
    assert EndClaim("ichiro", "lapsed") in lapsed.commands
    assert asked(lapsed) == [("saburo", Purpose.CALL)]
    assert lapsed.incident.epoch > going.incident.epoch
    again = then(lapsed.incident, Answered("saburo", Answer.GOING, lapsed.incident.epoch), T0 + 62 * MINUTE)
    council = then(again.incident, TimePassed(), again.incident.next_due_ms)
    assert asked(council) == [("shiki", Purpose.STAFF)]


def test_going_said_again_prolongs_the_claim_twice_at_most():
    now, incident = T0 + 31 * MINUTE, called()
    ends = []
    for _ in range(6):
        decision = decide(heard(incident), Answered("ichiro", Answer.GOING, 2), EVERYBODY, now)
        incident = decision.incident if decision else incident
        ends.append(incident.next_due_ms)
        now += 10 * MINUTE
    assert ends == [T0 + minutes * MINUTE for minutes in (61, 71, 81, 81, 81, 81)]


def test_a_double_click_is_one_answer():
    going = then(called(), Answered("ichiro", Answer.GOING, 2), T0 + 31 * MINUTE)
    assert decide(going.incident, Answered("ichiro", Answer.GOING, 2), EVERYBODY, T0 + 31 * MINUTE + 500) is None


def test_an_arrival_far_away_is_cut_to_an_hour():
    going = then(called(), Answered("ichiro", Answer.GOING, 2, eta_s=86_400), T0 + 31 * MINUTE)
    assert going.incident.claims[0].eta_ms == T0 + 91 * MINUTE


def test_cannot_moves_on_at_once_to_the_next_neighbour_then_to_the_council():
    incident = called()
    decision = then(incident, Answered("ichiro", Answer.CANNOT, 2), T0 + 31 * MINUTE)
    assert asked(decision) == [("saburo", Purpose.CALL)]
    assert decision.incident.next_due_ms == incident.next_due_ms, "the council is not put off by it"
    decision = then(decision.incident, Answered("jiro", Answer.CANNOT, 2), T0 + 32 * MINUTE)
    assert asked(decision) == [("shiki", Purpose.STAFF)]


def test_cannot_of_one_while_another_is_going_is_only_recorded():
    going = then(called(), Answered("ichiro", Answer.GOING, 2), T0 + 31 * MINUTE).incident
    decision = then(going, Answered("jiro", Answer.CANNOT, 2), T0 + 32 * MINUTE)
    assert (decision.incident.state, asked(decision)) == (IncidentState.CLAIMED, [])


def test_cannot_of_the_only_one_going_moves_on_at_once():
    going = then(called(), Answered("ichiro", Answer.GOING, 2), T0 + 31 * MINUTE).incident
    decision = then(going, Answered("ichiro", Answer.CANNOT, 2), T0 + 32 * MINUTE)
    assert EndClaim("ichiro", "cannot") in decision.commands
    assert asked(decision) == [("saburo", Purpose.CALL)]


def test_cannot_to_an_older_message_changes_nothing():
    council = then(called(), TimePassed(), T0 + 90 * MINUTE).incident
    assert decide(heard(council), Answered("ichiro", Answer.CANNOT, 2), EVERYBODY, T0 + 91 * MINUTE) is None
    again = then(council, TimePassed(), council.next_due_ms).incident
    assert decide(heard(again), Answered("shiki", Answer.CANNOT, council.epoch), EVERYBODY, T0 + 125 * MINUTE) is None


def test_going_and_safe_count_however_old_the_message_is():
    council = then(called(), TimePassed(), T0 + 90 * MINUTE).incident
    assert then(council, Answered("ichiro", Answer.GOING, 2), T0 + 91 * MINUTE).incident.state is IncidentState.CLAIMED
    assert then(council, Answered("ichiro", Answer.SAFE, 2), T0 + 91 * MINUTE).incident.outcome == "safe"


def test_the_only_staff_saying_cannot_is_asked_again_and_again_all_the_same():
    council = then(called(), TimePassed(), T0 + 90 * MINUTE).incident
    no = then(council, Answered("shiki", Answer.CANNOT, council.epoch), T0 + 91 * MINUTE)
    assert (no.incident.state, no.incident.next_due_ms) == (IncidentState.STAFF_ATTENTION, T0 + 120 * MINUTE)
    assert asked(then(no.incident, TimePassed(), T0 + 120 * MINUTE)) == [("shiki", Purpose.STAFF)]


def test_called_119_goes_to_staff_who_are_asked_for_the_outcome():
    decision = then(called(), Answered("ichiro", Answer.CALLED_119, 2), T0 + 31 * MINUTE)
    assert decision.incident.state is IncidentState.EMERGENCY
    assert asked(decision) == [("shiki", Purpose.STAFF)]
    assert told(decision) == [("jiro", News.CALLED_119)]
    again = then(decision.incident, TimePassed(), T0 + 61 * MINUTE)
    assert (again.incident.state, asked(again)) == (IncidentState.EMERGENCY, [("shiki", Purpose.STAFF)])


def test_in_an_emergency_going_is_a_lease_as_well_and_staff_hear_when_it_lapses():
    going = then(called(), Answered("ichiro", Answer.GOING, 2, 600), T0 + 31 * MINUTE).incident
    emergency = then(going, Answered("ichiro", Answer.CALLED_119, 2), T0 + 35 * MINUTE).incident
    assert emergency.next_due_ms == T0 + 51 * MINUTE, "the lease ends before the next follow-up"
    lapsed = then(emergency, TimePassed(), T0 + 51 * MINUTE)
    assert (lapsed.what, lapsed.incident.state, lapsed.incident.claims) == ("claim_lapsed", IncidentState.EMERGENCY, ())
    assert EndClaim("ichiro", "lapsed") in lapsed.commands
    assert asked(lapsed) == [("shiki", Purpose.STAFF)]
    assert lapsed.incident.next_due_ms == T0 + 81 * MINUTE


def test_who_says_going_in_an_emergency_is_held_to_it():
    emergency = then(called(), Answered("ichiro", Answer.CALLED_119, 2), T0 + 31 * MINUTE).incident
    going = then(emergency, Answered("jiro", Answer.GOING, 2, 300), T0 + 32 * MINUTE).incident
    assert (going.state, going.next_due_ms) == (IncidentState.EMERGENCY, T0 + 47 * MINUTE)
    later = then(going, Answered("jiro", Answer.GOING, 2, 3600), T0 + 40 * MINUTE).incident
    followed = then(later, TimePassed(), later.next_due_ms).incident
    assert [claim.person for claim in followed.claims] == ["jiro"], "it was prolonged"
    ended = then(then(followed, TimePassed(), followed.next_due_ms).incident, TimePassed(), T0 + 110 * MINUTE)
    assert ended.incident.claims == ()


def test_who_is_going_and_may_not_any_more_is_replaced_at_once():
    going = then(called(), Answered("ichiro", Answer.GOING, 2), T0 + 31 * MINUTE).incident
    left = replace(EVERYBODY, neighbours=tuple(one for one in EVERYBODY.neighbours if one != "ichiro"))
    revoked = decide(going, ConsentRevoked("ichiro"), left, T0 + 32 * MINUTE)
    assert (revoked.what, EndClaim("ichiro", "revoked") in revoked.commands) == ("claim_revoked", True)
    assert (revoked.incident.state, asked(revoked)) == (IncidentState.NOTIFYING, [("saburo", Purpose.CALL)])
    assert decide(going, ConsentRevoked("jiro"), left, T0 + 32 * MINUTE) is None, "who only was asked is not going"


def test_while_another_one_is_going_nobody_is_asked_in_place_of_who_may_not():
    going = then(called(), Answered("ichiro", Answer.GOING, 2), T0 + 31 * MINUTE).incident
    both = then(going, Answered("jiro", Answer.GOING, 2, 300), T0 + 32 * MINUTE).incident
    revoked = then(both, ConsentRevoked("jiro"), T0 + 33 * MINUTE)
    assert (revoked.incident.state, asked(revoked)) == (IncidentState.CLAIMED, [])
    assert revoked.incident.next_due_ms == going.claims[0].expires_ms


def test_in_an_emergency_staff_hear_at_once_that_who_was_going_may_not_any_more():
    going = then(called(), Answered("ichiro", Answer.GOING, 2), T0 + 31 * MINUTE).incident
    emergency = then(going, Answered("ichiro", Answer.CALLED_119, 2), T0 + 35 * MINUTE).incident
    revoked = then(emergency, ConsentRevoked("ichiro"), T0 + 36 * MINUTE)
    assert (revoked.incident.state, asked(revoked)) == (IncidentState.EMERGENCY, [("shiki", Purpose.STAFF)])
    assert revoked.incident.next_due_ms == T0 + 66 * MINUTE


def test_help_calls_neighbours_and_staff_at_once_and_tells_the_person():
    decision = first(SignalKind.HELP)
    assert asked(decision) == [("ichiro", Purpose.CALL), ("jiro", Purpose.CALL), ("shiki", Purpose.STAFF)]
    assert told(decision) == [("hana", News.HELP_CALLED)]
    assert decide(decision.incident, Moved(T0 + MINUTE), EVERYBODY, T0 + MINUTE) is None


def test_a_lost_gateway_is_a_matter_for_staff_and_ends_when_it_is_heard_of():
    decision = first(SignalKind.GATEWAY_LOST)
    assert asked(decision) == [("shiki", Purpose.STAFF)]
    for event in (Moved(T0), SaidOk(T0), Answered("shiki", Answer.SAFE, 1)):
        assert decide(decision.incident, event, EVERYBODY, T0 + MINUTE) is None
    ended = then(decision.incident, Recovered(SignalKind.GATEWAY_LOST, T0 + MINUTE), T0 + MINUTE).incident
    assert (ended.state, ended.outcome) == (IncidentState.RESOLVED, "recovered")


def test_a_heartbeat_ends_no_case_about_a_person():
    assert decide(called(), Recovered(SignalKind.GATEWAY_LOST, T0 + 40 * MINUTE), EVERYBODY, T0 + 40 * MINUTE) is None


def test_when_the_person_cannot_be_reached_others_are_called_at_the_call_deadline_and_not_before():
    start = first().incident
    decision = then(start, PersonUnreachable("hana", start.epoch), T0 + 1)
    assert (decision.what, asked(decision)) == ("unreachable", [])
    assert (decision.incident.state, decision.incident.next_due_ms) == (IncidentState.NOTIFYING, T0 + 120 * MINUTE)
    assert Reason.PERSON_CANNOT_BE_ASKED in [each.reason for each in decision.reasons]
    waiting = decision.incident
    assert decide(waiting, TimePassed(), EVERYBODY, T0 + 120 * MINUTE - 1) is None
    failed = replace(waiting, asked=tuple(replace(item, failed=True) for item in waiting.asked))
    over = decide(failed, TimePassed(), EVERYBODY, T0 + 120 * MINUTE)
    assert [person for person, _ in asked(over)] == ["ichiro", "jiro"]
    moved = decide(waiting, Moved(T0 + MINUTE), EVERYBODY, T0 + MINUTE)
    assert moved.incident.outcome == "movement", "nobody else was brought in yet"


def test_when_nobody_of_a_step_can_be_reached_the_next_one_begins_now():
    start = first(call_in=0).incident
    decision = then(start, PersonUnreachable("hana", start.epoch), T0 + 1)
    assert [person for person, _ in asked(decision)] == ["ichiro", "jiro"]
    one_less = then(decision.incident, PersonUnreachable("ichiro", 2), T0 + 2)
    assert asked(one_less) == [("saburo", Purpose.CALL)]
    failing = one_less.incident
    assert decide(heard(failing), PersonUnreachable("jiro", 2), EVERYBODY, T0 + 3) is None, "saburo may still answer"
    failing = replace(failing, asked=tuple(replace(item, failed=item.person != "saburo") for item in failing.asked))
    assert asked(then(failing, PersonUnreachable("saburo", 3), T0 + 4)) == [("shiki", Purpose.STAFF)]


def test_a_question_that_left_late_is_given_ten_minutes_before_others_are_called():
    unsent = first().incident
    late = unsent.next_due_ms + 12 * 60 * MINUTE
    decision = decide(unsent, TimePassed(), EVERYBODY, late)
    assert (decision.what, decision.incident.next_due_ms) == ("waited", late + 10 * MINUTE)
    punctual = decide(decision.incident, TimePassed(), EVERYBODY, late + 10 * MINUTE)
    assert punctual.what == "escalated", "a sender that is dead does not hold up the board for ever"


@pytest.mark.parametrize("cancelled", [False, True])
def test_an_end_is_an_end(cancelled):
    ended = then(called(), Closed("shiki", "test" if cancelled else "safe", cancelled), T0 + 31 * MINUTE).incident
    assert ended.state in TERMINAL
    events = (
        TimePassed(),
        Moved(T0 + 40 * MINUTE),
        SaidOk(T0 + 40 * MINUTE),
        PersonUnreachable("ichiro", 2),
        *(Answered("ichiro", answer, 2) for answer in Answer),
        Closed("shiki", "safe", False),
    )
    assert [decide(ended, event, EVERYBODY, T0 + 999 * MINUTE) for event in events] == [None] * len(events)


def test_an_absence_puts_off_no_call_for_help():
    away = AbsenceStarted(T0 + 600 * MINUTE)
    assert then(first().incident, away, T0 + MINUTE).incident.state is IncidentState.DEFERRED
    assert decide(heard(first(SignalKind.HELP).incident), away, EVERYBODY, T0 + MINUTE) is None
