"""Any history of the pure machine keeps the promises of `alerts.incident`."""

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alerts.incident import decide, opened
from alerts.model import (
    TERMINAL,
    Absent,
    Answer,
    Answered,
    Ask,
    Back,
    Closed,
    CouldNotReach,
    FoundWell,
    Moved,
    Recovered,
    Roster,
    SaidOk,
    State,
    TimePassed,
)
from alerts.settings import Settings
from contracts.signals import Sentence, Signal, SignalKind

MINUTE = 60_000
T0 = 1_767_225_600_000
NEIGHBOURS = ("n1", "n2", "n3")
STAFF = ("s1", "s2")
PEOPLE = ("hana", *NEIGHBOURS, *STAFF)


class IncidentHistories(RuleBasedStateMachine):
    @initialize(
        kind=st.sampled_from(list(SignalKind)),
        held_for=st.none() | st.integers(0, 90),
        call_in=st.integers(-300, 300),
        person=st.booleans(),
        neighbours=st.sets(st.sampled_from(NEIGHBOURS)),
        staff=st.sets(st.sampled_from(STAFF)),
    )
    def begin(self, kind, held_for, call_in, person, neighbours, staff):
        self.now = T0
        self.roster = Roster(person, tuple(sorted(neighbours)), tuple(sorted(staff)))
        signal = Signal("home", kind, T0 - 60 * MINUTE, T0, T0 + call_in * MINUTE, Sentence("", ""))
        self.human = False
        self.call_ms = T0 + call_in * MINUTE
        held_ms = None if held_for is None else T0 + held_for * MINUTE
        self.away_until = 0
        self.decision = opened(signal, "hana", Settings().policy(kind), self.roster, self.now, held_ms)
        self.incident = self.decision.incident
        self.keys = set()
        self.take_in()

    def take_in(self):
        for command in self.decision.commands:
            if isinstance(command, Ask):
                key = (command.epoch, self.incident.step, self.incident.repeat, command.person)
                assert key not in self.keys, "I3: one message per person, epoch, step and repeat"
                self.keys.add(key)

    def happen(self, event):
        before = self.incident
        decision = decide(before, event, self.roster, self.now)
        if decision is None:
            return False
        assert before.state not in TERMINAL, "I7: an end is an end"
        assert decision.incident.epoch >= before.epoch
        self.decision, self.incident = decision, decision.incident
        self.take_in()
        return True

    @rule(minutes=st.integers(0, 200))
    def time_passes(self, minutes):
        self.now += minutes * MINUTE
        self.happen(TimePassed())

    @rule()
    def the_due_moment_comes(self):
        if self.incident.next_due_ms is not None:
            self.now = max(self.now, self.incident.next_due_ms)
            self.happen(TimePassed())

    @rule(heard=st.booleans())
    def messages_go_out(self, heard):
        asked = tuple(
            replace(item, accepted_ms=item.accepted_ms or self.now, heard=heard) for item in self.incident.asked
        )
        self.incident = replace(self.incident, asked=asked)

    @rule()
    def a_movement(self):
        before = self.incident
        if self.happen(Moved(self.now)) and self.incident.ended:
            alone = (before.called_ms, before.council_ms, before.claims) == (None, None, ())
            assert alone, "I2: a movement ends it only while the person alone is asked, and nobody is going"
            assert before.kind in (SignalKind.SILENCE, SignalKind.NO_RETURN), "a decline goes on while they move"

    @rule(minutes=st.integers(-10, 600))
    def an_absence_is_registered(self, minutes):
        before = self.incident
        if self.happen(Absent(self.now + minutes * MINUTE)):
            assert before.kind.answered_by_any_word, "I11: a help button ignores it, and devices have none"
            assert self.incident.state is State.DEFERRED, "I11: an absence only puts off"
            assert self.incident.next_due_ms == self.now + minutes * MINUTE
            self.away_until = self.incident.next_due_ms

    @rule()
    def the_absence_is_cancelled(self):
        before = self.incident
        if self.happen(Back()):
            assert before.state is State.DEFERRED, "nothing begins anew that was not put off"
            assert not self.incident.ended, "I11: an absence and its end decide nothing"
            assert self.incident.epoch > before.epoch or self.incident.state is State.STAFF_ATTENTION

    @rule()
    def a_heartbeat(self):
        if self.happen(Recovered(SignalKind.GATEWAY_LOST, self.now)):
            assert self.incident.kind is SignalKind.GATEWAY_LOST

    @rule(who=st.sampled_from(PEOPLE))
    def another_case_ends_well(self, who):
        if self.happen(FoundWell(who, self.now)):
            assert self.incident.kind is not SignalKind.HELP, "who called for help is waited for"
            self.human = True

    @rule()
    def the_ok_button(self):
        if self.happen(SaidOk(self.now)):
            self.human = True

    @rule(
        who=st.sampled_from(PEOPLE),
        answer=st.sampled_from(list(Answer)),
        age=st.integers(0, 3),
        eta=st.integers(0, 9000),
    )
    def an_answer(self, who, answer, age, eta):
        before = self.incident
        epoch = max(before.epoch - age, 0)
        moved = self.happen(Answered(who, answer, epoch, eta))
        self.human |= moved and answer is Answer.SAFE
        held = [claim.person for claim in before.claims]
        if moved and answer is Answer.CANNOT and held == [who] and before.state is State.CLAIMED:
            fresh = set(self.roster.staff) - {who}
            if not before.at_last_step or fresh:
                someone = any(isinstance(command, Ask) for command in self.decision.commands)
                held = self.incident.state is State.DEFERRED and self.incident.next_due_ms == before.held_until_ms
                told = held or self.incident.state is State.STAFF_ATTENTION  # staff are told of the area, or again
                assert someone or told, "I6: the next is asked at once"

    @rule(who=st.sampled_from(PEOPLE))
    def a_person_cannot_be_reached(self, who):
        epoch = max((item.epoch for item in self.incident.asked if item.person == who), default=0)
        failed = tuple(
            replace(item, failed=item.failed or (item.person, item.epoch) == (who, epoch))
            for item in self.incident.asked
        )
        self.incident = replace(self.incident, asked=failed)
        self.happen(CouldNotReach(who, epoch))

    @rule(cancelled=st.booleans())
    @precondition(lambda self: self.now > T0 + 600 * MINUTE)
    def staff_close_it(self, cancelled):
        if self.happen(Closed("s1", "test" if cancelled else "safe", cancelled)):
            self.human = True

    @rule(person=st.booleans(), neighbours=st.sets(st.sampled_from(NEIGHBOURS)), staff=st.sets(st.sampled_from(STAFF)))
    def the_register_changes(self, person, neighbours, staff):
        self.roster = Roster(person, tuple(sorted(neighbours)), tuple(sorted(staff)))

    @invariant()
    def an_open_incident_has_a_due_time(self):
        if self.incident.state not in TERMINAL:
            assert self.incident.next_due_ms is not None, "I1"
            longest = 300 * MINUTE if self.incident.kind.concerns_person else 24 * 60 * MINUTE
            latest = max(self.now + longest, self.away_until)
            assert self.incident.next_due_ms <= latest, "I1: nothing is put off for ever"

    @invariant()
    def only_a_human_ends_a_case_about_a_person(self):
        if self.incident.ended and self.incident.outcome not in ("movement", "recovered"):
            assert self.human, "I2"
            assert self.incident.outcome_by

    @invariant()
    def claims_are_bounded_and_belong_to_the_claimed(self):
        policy = self.incident.policy
        longest = 1000 * (policy.longest_going_s + policy.grace_s) * (policy.extensions + 1)
        for claim in self.incident.claims:
            assert claim.extensions <= policy.extensions
            assert claim.expires_ms <= claim.claimed_ms + longest, "I6: total extension is bounded"
        assert self.incident.state is not State.CLAIMED or self.incident.claims
        if self.incident.claims:
            assert self.incident.state in (State.CLAIMED, State.EMERGENCY)
            ends = min(claim.expires_ms for claim in self.incident.claims)
            assert self.incident.next_due_ms <= ends, "I6: a claim lapses when its time is over, whatever the state"

    @invariant()
    def neighbours_hear_of_no_device(self):
        if not self.incident.kind.concerns_person:
            assert not {item.person for item in self.incident.asked} & set(NEIGHBOURS)

    @invariant()
    def everybody_failing_at_a_step_is_not_waited_out(self):
        present = self.incident.present
        if self.incident.state is State.NOTIFYING and present and not self.incident.at_last_step:
            waited_for = all(item.purpose == "ask" for item in present) and self.incident.next_due_ms == self.call_ms
            assert waited_for or any(not item.failed for item in present), "I10"


EXAMPLES = int(os.environ.get("MIMAMORI_PURE_HISTORIES", "10000"))  # make soak: 200,000
IncidentHistories.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
)
TestIncidentHistories = pytest.mark.timeout(3600)(IncidentHistories.TestCase)
