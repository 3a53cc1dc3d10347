"""Any history of the pure machine keeps the promises of `alerts.decisions.incident`.

The steps and the invariants are written once and walked twice: by Hypothesis, which makes a history that fails small,
and by dice, which cost a fiftieth of it and so reach the many thousands of histories that find what is rare.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alerts.decisions.codes import Reason
from alerts.decisions.commands import Ask
from alerts.decisions.events import (
    AbsenceEnded,
    AbsenceStarted,
    Answered,
    Closed,
    ConsentRevoked,
    FoundWell,
    Moved,
    PersonUnreachable,
    Recovered,
    SaidOk,
    TimePassed,
)
from alerts.decisions.incident import decide, opened
from alerts.decisions.model import TERMINAL, Answer, IncidentState, Recipients
from alerts.settings import AlertsSettings
from alerts.wording.catalogue import catalogue
from contracts.signals import Sentence, Signal, SignalKind

MINUTE = 60_000
T0 = 1_767_225_600_000
NEIGHBOURS = ("n1", "n2", "n3")
STAFF = ("s1", "s2")
PEOPLE = ("hana", *NEIGHBOURS, *STAFF)


# ---- what a step may be given, for both ----


@dataclass(frozen=True)
class Whole:
    """A whole number, both ends included."""

    least: int
    most: int

    def strategy(self) -> st.SearchStrategy[int]:
        return st.integers(self.least, self.most)

    def draw(self, dice: random.Random) -> int:
        return dice.randint(self.least, self.most)

    def fewer(self, dice: random.Random) -> "Whole":
        return Whole(*sorted((self.draw(dice), self.draw(dice)))) if dice.random() < 0.5 else self


@dataclass(frozen=True)
class OneOf:
    """One of these."""

    values: tuple[Any, ...]

    def strategy(self) -> st.SearchStrategy[Any]:
        return st.sampled_from(self.values)

    def draw(self, dice: random.Random) -> Any:
        return dice.choice(self.values)

    def fewer(self, dice: random.Random) -> "OneOf":
        return OneOf(tuple(dice.sample(self.values, dice.randint(1, len(self.values)))))


@dataclass(frozen=True)
class Some:
    """Any subset of these."""

    values: tuple[str, ...]

    def strategy(self) -> st.SearchStrategy[set[str]]:
        return st.sets(st.sampled_from(self.values))

    def draw(self, dice: random.Random) -> set[str]:
        return {value for value in self.values if dice.random() < 0.6}

    def fewer(self, _dice: random.Random) -> "Some":
        return self


BOTH = OneOf((False, True))


def step(**given: Whole | OneOf | Some) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """What may happen, and with what."""

    def mark(method: Callable[..., None]) -> Callable[..., None]:
        method.given = given  # type: ignore[attr-defined]
        return method

    return mark


def always(method: Callable[..., None]) -> Callable[..., None]:
    """What holds after each step."""
    method.holds = True  # type: ignore[attr-defined]
    return method


class History:
    """One incident, what happens to it, and what must hold."""

    @step(
        kind=OneOf(tuple(SignalKind)),
        held_for=OneOf((None, *range(0, 91, 5))),
        call_in=Whole(-300, 300),
        person=BOTH,
        neighbours=Some(NEIGHBOURS),
        staff=Some(STAFF),
    )
    def begin(self, kind, held_for, call_in, person, neighbours, staff):
        self.now = T0
        self.roster = Recipients(person, tuple(sorted(neighbours)), tuple(sorted(staff)))
        signal = Signal("home", kind, T0 - 60 * MINUTE, T0, T0 + call_in * MINUTE, Sentence("", ""))
        self.human = False
        held_ms = None if held_for is None else T0 + held_for * MINUTE
        self.away_until = 0
        self.decision = opened(signal, "hana", AlertsSettings().policy(kind), self.roster, self.now, held_ms)
        self.incident = self.decision.incident
        self.keys = set()
        self.take_in()

    def take_in(self):
        for command in self.decision.commands:
            if isinstance(command, Ask):
                key = (self.incident.epoch, self.incident.step, self.incident.repeat, command.person)
                assert key not in self.keys, "I3: one message per person, epoch, step and repeat"
                self.keys.add(key)

    def happen(self, event):
        before = self.incident
        decision = decide(before, event, self.roster, self.now)
        if decision is None:
            return False
        assert before.state not in TERMINAL, "I7: an end is an end"
        assert decision.incident.epoch >= before.epoch
        if decision.incident.call_at_ms != before.call_at_ms:
            assert decision.what == "resumed", "only what put it off moves the moment from which help is called"
            answer_by_ms = self.now + 1000 * before.policy.steps[0].answer_s
            assert before.call_at_ms < decision.incident.call_at_ms == answer_by_ms
        self.decision, self.incident = decision, decision.incident
        self.take_in()
        return True

    @step(minutes=Whole(0, 200))
    def time_passes(self, minutes):
        self.now += minutes * MINUTE
        self.happen(TimePassed())

    @step()
    def the_due_moment_comes(self):
        if self.incident.next_due_ms is not None:
            self.now = max(self.now, self.incident.next_due_ms)
            while self.happen(TimePassed()):
                pass
            assert self.incident.ended or self.incident.next_due_ms > self.now, "I1: nothing overdue is left lying"

    @step(heard=BOTH)
    def messages_go_out(self, heard):
        asked = tuple(
            replace(item, accepted_ms=item.accepted_ms or self.now, may_have_arrived=heard)
            for item in self.incident.asked
        )
        self.incident = replace(self.incident, asked=asked)

    @step()
    def a_movement(self):
        before = self.incident
        if self.happen(Moved(self.now)) and self.incident.ended:
            alone = (before.called_ms, before.council_ms, before.claims) == (None, None, ())
            assert alone, "I2: a movement ends it only while the person alone is asked, and nobody is going"
            assert before.kind in (SignalKind.SILENCE, SignalKind.NO_RETURN), "a decline goes on while they move"

    @step(minutes=Whole(-10, 600))
    def an_absence_is_registered(self, minutes):
        before = self.incident
        if self.happen(AbsenceStarted(self.now + minutes * MINUTE)):
            assert before.kind.answered_by_any_word, "I11: a help button ignores it, and devices have none"
            assert self.incident.state is IncidentState.DEFERRED, "I11: an absence only puts off"
            assert self.incident.next_due_ms == self.now + minutes * MINUTE
            self.away_until = self.incident.next_due_ms

    @step()
    def the_absence_is_cancelled(self):
        before = self.incident
        if self.happen(AbsenceEnded()):
            assert before.state is IncidentState.DEFERRED, "nothing begins anew that was not put off"
            assert not self.incident.ended, "I11: an absence and its end decide nothing"
            asked = self.incident.epoch > before.epoch or self.incident.state is IncidentState.STAFF_ATTENTION
            told_of_area = self.incident.state is IncidentState.DEFERRED and self.incident.at_last_step
            in_time = self.incident.next_due_ms == self.incident.call_at_ms
            assert asked or told_of_area or in_time, "who cannot be asked is called for in time"

    @step()
    def a_heartbeat(self):
        if self.happen(Recovered(SignalKind.GATEWAY_LOST, self.now)):
            assert self.incident.kind is SignalKind.GATEWAY_LOST

    @step(who=OneOf(PEOPLE))
    def another_case_ends_well(self, who):
        if self.happen(FoundWell(who, self.now)):
            assert self.incident.kind is not SignalKind.HELP, "who called for help is waited for"
            self.human = True

    @step()
    def the_ok_button(self):
        if self.happen(SaidOk(self.now)):
            self.human = True

    @step(who=OneOf(PEOPLE), answer=OneOf(tuple(Answer)), age=Whole(0, 3), eta=Whole(0, 9000))
    def an_answer(self, who, answer, age, eta):
        before = self.incident
        epoch = max(before.epoch - age, 0)
        moved = self.happen(Answered(who, answer, epoch, eta))
        self.human |= moved and answer is Answer.SAFE
        held = [claim.person for claim in before.claims]
        if moved and answer is Answer.CANNOT and held == [who] and before.state is IncidentState.CLAIMED:
            fresh = set(self.roster.staff) - {who}
            if not before.at_last_step or fresh:
                someone = any(isinstance(command, Ask) for command in self.decision.commands)
                held = (
                    self.incident.state is IncidentState.DEFERRED and self.incident.next_due_ms == before.held_until_ms
                )
                told = (
                    held or self.incident.state is IncidentState.STAFF_ATTENTION
                )  # staff are told of the area, or again
                assert someone or told, "I6: the next is asked at once"

    @step(who=OneOf(PEOPLE))
    def a_person_cannot_be_reached(self, who):
        epoch = max((item.epoch for item in self.incident.asked if item.person == who), default=0)
        failed = tuple(
            replace(item, failed=item.failed or (item.person, item.epoch) == (who, epoch))
            for item in self.incident.asked
        )
        self.incident = replace(self.incident, asked=failed)
        self.happen(PersonUnreachable(who, epoch))

    @step(who=OneOf(PEOPLE[1:]))
    def a_consent_is_revoked(self, who):
        before = self.incident
        neighbours, staff = (
            [one for one in kind if one != who] for kind in (self.roster.neighbours, self.roster.staff)
        )
        self.roster = Recipients(self.roster.person, tuple(neighbours), tuple(staff))
        if self.happen(ConsentRevoked(who)):
            assert not self.incident.ended, "I2: nobody said that all is well"
            assert who not in {claim.person for claim in self.incident.claims}
            assert {claim.person for claim in self.incident.claims} == {claim.person for claim in before.claims} - {who}
            assert before.claims, "who is not going is not missed"

    @step(cancelled=BOTH)
    def staff_close_it(self, cancelled):
        if self.now > T0 + 600 * MINUTE and self.happen(Closed("s1", "test" if cancelled else "safe", cancelled)):
            self.human = True

    @step(person=BOTH, neighbours=Some(NEIGHBOURS), staff=Some(STAFF))
    def the_register_changes(self, person, neighbours, staff):
        self.roster = Recipients(person, tuple(sorted(neighbours)), tuple(sorted(staff)))

    @always
    def an_open_incident_has_a_due_time(self):
        if self.incident.state not in TERMINAL:
            assert self.incident.next_due_ms is not None, "I1"
            longest = 300 * MINUTE if self.incident.kind.concerns_person else 24 * 60 * MINUTE
            latest = max(self.now + longest, self.away_until)
            assert self.incident.next_due_ms <= latest, "I1: nothing is put off for ever"

    @always
    def it_says_what_puts_it_off_and_says_it_no_longer_than_that_holds(self):
        assert (self.incident.state is IncidentState.DEFERRED) == (self.incident.deferred_for is not None)

    @always
    def each_decision_says_why_in_codes(self):
        codes = [each.reason for each in self.decision.reasons]
        params = {name: value for each in self.decision.reasons for name, value in each.params}
        assert codes
        assert Reason.EARLIER_VERSION not in codes
        assert catalogue("en").reasons(codes, params)

    @always
    def only_a_human_ends_a_case_about_a_person(self):
        if self.incident.ended and self.incident.outcome not in ("movement", "recovered"):
            assert self.human, "I2"
            assert self.incident.outcome_by

    @always
    def claims_are_bounded_and_belong_to_the_claimed(self):
        policy = self.incident.policy
        longest = 1000 * (policy.longest_going_s + policy.grace_s) * (policy.extensions + 1)
        for claim in self.incident.claims:
            assert claim.extensions <= policy.extensions
            assert claim.expires_ms <= claim.claimed_ms + longest, "I6: total extension is bounded"
        assert self.incident.state is not IncidentState.CLAIMED or self.incident.claims
        if self.incident.claims:
            assert self.incident.state in (IncidentState.CLAIMED, IncidentState.EMERGENCY)
            ends = min(claim.expires_ms for claim in self.incident.claims)
            assert self.incident.next_due_ms <= ends, "I6: a claim lapses when its time is over, whatever the state"

    @always
    def neighbours_hear_of_no_device(self):
        if not self.incident.kind.concerns_person:
            assert not {item.person for item in self.incident.asked} & set(NEIGHBOURS)

    @always
    def everybody_failing_at_a_step_is_not_waited_out(self):
        present = self.incident.present
        if self.incident.state is IncidentState.NOTIFYING and present and not self.incident.at_last_step:
            in_time = self.incident.next_due_ms == self.incident.call_at_ms
            waited_for = in_time and all(item.purpose == "ask" for item in present)
            assert waited_for or any(not item.failed for item in present), "I10"


# ---- walked by Hypothesis ----


def _machine() -> type[RuleBasedStateMachine]:
    marked: dict[str, Any] = {}
    for name, method in vars(History).items():
        if hasattr(method, "given"):
            ways = {key: value.strategy() for key, value in method.given.items()}
            marked[name] = (initialize if name == "begin" else rule)(**ways)(method)
        elif hasattr(method, "holds"):
            marked[name] = invariant()(method)
    return type("IncidentHistories", (RuleBasedStateMachine, History), marked)


IncidentHistories = _machine()
IncidentHistories.TestCase.settings = settings(
    max_examples=int(os.environ.get("MIMAMORI_HYPOTHESIS_HISTORIES", "500")),
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestIncidentHistories = pytest.mark.timeout(3600)(IncidentHistories.TestCase)


# ---- walked by dice ----

HISTORIES = int(os.environ.get("MIMAMORI_PURE_HISTORIES", "10000"))  # make soak: 200,000
LONGEST = 30
BEGIN = ("begin", History.begin)
STEPS = tuple((name, step) for name, step in vars(History).items() if hasattr(step, "given") and name != "begin")
INVARIANTS = tuple(method for method in vars(History).values() if hasattr(method, "holds"))


def walk(seed: int) -> tuple[set[IncidentState], str | None]:
    """One history: the states it went through, and what happened, step by step, if it broke a promise.

    Each has but some of the steps and of the values, so that there are histories in which one thing happens again and
    again (swarm testing: Groce and others, ISSTA 2012).
    """
    dice, told, seen = random.Random(seed), [], set()
    some = dice.sample(STEPS, dice.randint(2, len(STEPS)))
    ways = {name: {key: way.fewer(dice) for key, way in method.given.items()} for name, method in (BEGIN, *some)}
    history = History()
    name, method = BEGIN
    for _ in range(1 + dice.randint(1, LONGEST)):
        given = {key: way.draw(dice) for key, way in ways[name].items()}
        told.append(f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})")
        try:
            method(history, **given)
            for holds in INVARIANTS:
                holds(history)
        except AssertionError as error:
            return seen, f"{error}\nafter, in history {seed}:\n  " + "\n  ".join(told)
        seen.add(history.incident.state)
        name, method = dice.choice(some)
    return seen, None


@pytest.mark.timeout(3600)
def test_ten_thousand_histories_keep_the_promises():
    reached = set()
    for seed in range(HISTORIES):
        seen, broken = walk(seed)
        assert broken is None, broken
        reached |= seen
    assert reached == set(IncidentState), "a walk that leaves a state out proves nothing of it"
