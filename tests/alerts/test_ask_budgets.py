"""Ask budgets reckoned from real cases: what the person answered, and what sent neighbours to a well person."""

import pytest

from alerts.decisions.calling.asking import ask_every_days, remembered
from alerts.incidents import answers, ask_budgets
from store import schema

DAY_MS = 86_400_000


@pytest.fixture
def days(village, start, minute):
    """Each call is another day on which the person is silent until they are asked; gives the moment of the question."""
    count = 0

    def ask():
        nonlocal count
        count += 1
        woke_ms = start + count * DAY_MS
        village.lives(woke_ms)
        village.at(woke_ms)
        asked_ms = woke_ms + 121 * minute
        village.at(asked_ms)
        return asked_ms

    return ask


def budget(village):
    (row,) = village.rows(schema.ask_budgets)
    return row.answered, row.unanswered


def let_it_come_to_neighbours(village, asked_ms, minute):
    now_ms = asked_ms + 31 * minute
    village.at(now_ms)
    assert village.told("call")
    return now_ms


def renew(village, now_ms):
    return ask_budgets.renew(village.db, 120, now_ms)


def test_an_answer_and_a_movement_while_they_alone_are_asked_count_as_answers(village, days, minute):
    asked_ms = days()
    village.answers("hana", "safe", asked_ms + minute)
    asked_ms = days()
    village.lives(asked_ms + minute)
    village.at(asked_ms + minute)
    assert renew(village, asked_ms + 2 * minute) == 1
    assert budget(village) == (2, 0)
    assert village.rows(schema.ask_budgets)[0].ask_every_days == 7


@pytest.mark.parametrize("who", ["ichiro", "hana"])
def test_a_question_after_which_neighbours_were_called_for_nothing_counts_as_unanswered(village, days, minute, who):
    now_ms = let_it_come_to_neighbours(village, days(), minute)
    caller = village.told("call")[0] if who == "ichiro" else who
    village.answers(caller, "safe", now_ms + minute)
    assert renew(village, now_ms + 2 * minute) == 1
    assert budget(village) == (0, 1)
    assert village.rows(schema.ask_budgets)[0].ask_every_days == 44


@pytest.mark.parametrize(("outcome", "counted"), [("hospital", 0), ("died", 0), ("test", 0), ("false_alarm", 1)])
def test_who_was_not_well_teaches_nothing(village, days, minute, outcome, counted):
    now_ms = let_it_come_to_neighbours(village, days(), minute)
    answers.close(village.db, village.case().id, "shiki", outcome, "seen", now_ms + minute)
    renew(village, now_ms + 2 * minute)
    assert [row.unanswered for row in village.rows(schema.ask_budgets)] == [1] * counted


def test_what_staff_found_before_an_answer_was_due_teaches_nothing(village, days, minute):
    asked_ms = days()
    answers.close(village.db, village.case().id, "shiki", "safe", "met in the street", asked_ms + minute)
    assert renew(village, asked_ms + 2 * minute) == 0


def test_an_open_case_teaches_nothing_yet(village, days, minute):
    now_ms = let_it_come_to_neighbours(village, days(), minute)
    assert renew(village, now_ms) == 0


def test_reckoning_again_changes_nothing_and_time_forgives(village, days, minute):
    now_ms = let_it_come_to_neighbours(village, days(), minute)
    village.answers("hana", "safe", now_ms + minute)
    assert renew(village, now_ms + 2 * minute) == 1
    assert renew(village, now_ms + 3 * minute) == 0
    later_ms = now_ms + 1500 * DAY_MS
    assert renew(village, later_ms) == 1
    (row,) = village.rows(schema.ask_budgets)
    assert (row.answered, row.unanswered, row.at_ms) == (0, 1, later_ms)
    assert 7 <= row.ask_every_days < 44


def test_the_rule_is_the_pure_one(village):
    assert ask_every_days(remembered([], 0), 7.0, 120) == 7
