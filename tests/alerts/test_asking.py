"""The ask budget follows the person: simulated lives at every share of replies, and the rule's own promises."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.decisions.calling.asking import DAY_MS, PastQuestion, Replies, ask_every_days, remembered

USUAL_DAYS = 7.0
FALSE_CALL_DAYS = 120
TOLERANCE = 1.25
YEARS = 25
PEOPLE = 40


def lived(share, rng, years=YEARS):
    """False calls to neighbours and questions of one well person, each asked as often as the budget says."""
    replies, at_days, calls, questions = Replies(), 0.0, 0, 0
    while True:
        every_days = ask_every_days(replies.at(round(at_days * DAY_MS)), USUAL_DAYS, FALSE_CALL_DAYS)
        at_days += rng.expovariate(1 / every_days)
        if at_days > years * 365.25:
            return calls, questions
        answered = rng.random() < share
        replies = replies.with_one(PastQuestion(round(at_days * DAY_MS), answered))
        calls, questions = calls + (not answered), questions + 1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.94, 0.97, 1.0])
def test_false_calls_to_neighbours_stay_within_their_budget_whatever_the_share_of_replies(share):
    rng = random.Random(20261121)
    calls = sum(lived(share, rng)[0] for _ in range(PEOPLE))
    assert calls <= TOLERANCE * PEOPLE * YEARS * 365.25 / FALSE_CALL_DAYS


def test_without_the_rule_they_would_not():
    rng = random.Random(20261121)
    calls = sum(rng.random() > 0.5 for _ in range(round(PEOPLE * YEARS * 365.25 / USUAL_DAYS)))
    assert calls > 5 * TOLERANCE * PEOPLE * YEARS * 365.25 / FALSE_CALL_DAYS


def test_who_answers_keeps_the_short_budget():
    rng = random.Random(20261121)
    for share in (0.97, 1.0):
        questions = sum(lived(share, rng)[1] for _ in range(PEOPLE))
        assert questions > 0.8 * PEOPLE * YEARS * 365.25 / USUAL_DAYS, share


def test_nobody_known_begins_with_the_short_budget():
    assert ask_every_days(Replies(), USUAL_DAYS, FALSE_CALL_DAYS) == USUAL_DAYS


histories = st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=60)


def history(steps):
    at_ms, found = 0, []
    for days, answered in steps:
        at_ms += days * DAY_MS
        found.append(PastQuestion(at_ms, answered))
    return found, at_ms


@given(histories, st.integers(1, 60), st.integers(1, 400))
@settings(max_examples=200, deadline=None)
def test_the_budget_keeps_its_bounds(steps, usual_days, false_call_days):
    questions, now_ms = history(steps)
    found = ask_every_days(remembered(questions, now_ms), float(usual_days), false_call_days)
    assert usual_days <= found <= min(max(usual_days, false_call_days), 365)


@given(histories, st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_an_answer_never_lengthens_the_budget_and_a_missing_one_never_shortens_it(steps, days):
    questions, now_ms = history(steps)
    now_ms += days * DAY_MS

    def with_one_more(answered):
        found = remembered([*questions, PastQuestion(now_ms, answered)], now_ms)
        return ask_every_days(found, USUAL_DAYS, FALSE_CALL_DAYS)

    before = ask_every_days(remembered(questions, now_ms), USUAL_DAYS, FALSE_CALL_DAYS)
    assert with_one_more(True) <= before <= with_one_more(False)


@given(histories, st.integers(0, 4000), st.integers(0, 4000))
@settings(max_examples=100, deadline=None)
def test_what_is_remembered_fades_evenly(steps, first_days, more_days):
    questions, now_ms = history(steps)
    replies = remembered(questions, now_ms)
    middle_ms = now_ms + first_days * DAY_MS
    end_ms = middle_ms + more_days * DAY_MS
    in_two, at_once = replies.at(middle_ms).at(end_ms), replies.at(end_ms)
    assert in_two.answered == pytest.approx(at_once.answered)
    assert in_two.unanswered == pytest.approx(at_once.unanswered)


def test_who_begins_to_answer_is_asked_sooner_again():
    never = [PastQuestion(number * 100 * DAY_MS, answered=False) for number in range(1, 11)]
    since_ms = never[-1].at_ms
    always = [PastQuestion(since_ms + number * 60 * DAY_MS, answered=True) for number in range(1, 31)]
    before = ask_every_days(remembered(never, since_ms), USUAL_DAYS, FALSE_CALL_DAYS)
    after = ask_every_days(remembered([*never, *always], always[-1].at_ms), USUAL_DAYS, FALSE_CALL_DAYS)
    assert before > 80
    assert after < 20
