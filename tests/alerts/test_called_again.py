"""Who said that all was well and then needs help: the answer buttons of the ended case call for help anew."""

import pytest
from sqlalchemy import select

from alerts.incidents import answers as responses
from alerts.signals.active import read_signals
from alerts.signals.expected import Outlook
from alerts.tools.next_moment import next_moment_ms
from store.engine import reading
from store.register.registry import edit
from store.schema import audit, incidents
from store.schema import statements as answers

MINUTE = 60_000
HOUR = 60 * MINUTE


@pytest.fixture
def well(village, start):
    """花 was asked and said that all is well; the moment after."""
    village.at(start + 2 * HOUR)
    assert village.answers("hana", "safe", start + 2 * HOUR + MINUTE).state == "resolved"
    village.at(start + 2 * HOUR + 2 * MINUTE)
    return start + 2 * HOUR + 2 * MINUTE


def cases(village):
    with reading(village.db) as connection:
        return connection.execute(select(incidents).order_by(incidents.c.opened_ms)).all()


def test_i_need_help_after_i_am_all_right_calls_neighbours_and_staff_as_the_button_does(village, well):
    recorded = village.answers("hana", "cannot", well)
    assert recorded.changed
    assert next_moment_ms(village.engine, well) == well
    village.at(well)
    ended, help_case = cases(village)
    assert (ended.state, ended.outcome) == ("resolved", "self_ok"), "an end is an end"
    assert (help_case.kind, help_case.since_ms, help_case.home_id) == ("help", well, "home-hana")
    assert sorted(village.told("call")) == ["ichiro", "jiro"]
    assert village.told("staff") == ["shiki"]
    assert "ご本人から助けを求める返事がありました。" in help_case.reason_ja
    line = next(row for row in village.rows(audit) if row.what == "needs_help")
    assert (line.incident_id, line.actor, line.channel, line.at_ms) == (ended.id, "hana", "page", well)
    assert "help_called_anew" in line.reasons


def test_saying_it_again_while_help_is_on_the_way_opens_no_second_case(village, well):
    for minutes in range(3):
        village.answers_message(village.phone("hana")[0], "cannot", well + minutes * MINUTE)
        village.at(well + minutes * MINUTE)
    assert [row.kind for row in cases(village)] == ["silence", "help"]


def test_a_call_that_was_answered_stays_answered_and_a_later_one_is_a_new_case(village, well):
    question = village.phone("hana")[0]
    village.answers_message(question, "cannot", well)
    village.at(well)
    responses.close(village.db, cases(village)[1].id, "shiki", "safe", "訪ねて確かめた", well + HOUR)
    village.at(well + 2 * HOUR - 30 * MINUTE)
    assert [row.kind for row in cases(village)] == ["silence", "help"]
    village.answers_message(question, "cannot", well + 2 * HOUR - 20 * MINUTE)
    village.at(well + 2 * HOUR - 20 * MINUTE)
    assert [row.kind for row in cases(village)] == ["silence", "help", "help"]


def test_the_same_press_twice_counts_once(village, well):
    first = village.answers("hana", "cannot", well, vendor_event_id="page:1")
    again = village.answers("hana", "cannot", well + 1, vendor_event_id="page:1")
    assert (first.changed, again.changed, again.repeated) == (True, False, True)
    assert [row.kind for row in village.rows(answers)].count("help") == 1


@pytest.mark.parametrize("word", ["safe", "going", "called_119"])
def test_other_answers_of_the_person_after_the_end_are_kept_and_call_nobody(village, well, word):
    assert not village.answers("hana", word, well).changed
    village.at(well)
    assert len(cases(village)) == 1


def test_a_neighbour_who_cannot_come_to_an_ended_case_calls_nobody(village, start):
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 30 * MINUTE)
    question = village.phone("ichiro")[0]
    village.answers("jiro", "safe", start + 2 * HOUR + 31 * MINUTE)
    assert not village.answers_message(question, "cannot", start + 2 * HOUR + 32 * MINUTE).changed
    village.at(start + 2 * HOUR + 32 * MINUTE)
    assert len(cases(village)) == 1


def test_it_is_called_even_when_nothing_was_running_at_the_moment_of_the_press(village, well):
    village.answers("hana", "cannot", well)
    village.at(well + 20 * MINUTE)
    assert [row.kind for row in cases(village)] == ["silence", "help"]


# ---- an OK of before the call for help that comes after it ----


@pytest.mark.on_both_stores
def test_an_ok_that_comes_late_does_not_end_the_case_of_who_has_said_since_that_they_need_help(village, start):
    """The home was cut off when the button was pressed; then they fell, and answered by telephone."""
    village.at(start + 2 * HOUR)
    village.answers("hana", "cannot", start + 2 * HOUR + 5 * MINUTE)
    village.at(start + 2 * HOUR + 5 * MINUTE)
    village.presses("ok", start + 2 * HOUR + 2 * MINUTE)
    village.at(start + 2 * HOUR + 6 * MINUTE)
    assert (village.case().outcome, village.told("call")) == (None, ["ichiro", "jiro"])
    assert next_moment_ms(village.engine, start + 2 * HOUR + 6 * MINUTE) > start + 2 * HOUR + 6 * MINUTE
    village.presses("ok", start + 2 * HOUR + 7 * MINUTE)
    village.at(start + 2 * HOUR + 7 * MINUTE)
    assert village.case().outcome == "self_ok", "an OK that was said after it counts"


def test_a_press_for_help_that_comes_after_the_end_by_the_ok_before_it_is_heard(village, start):
    """Both had waited: pressed a second apart, they came in two messages, and the alerts looked in between."""
    village.presses("help", start)
    village.at(start)
    village.presses("ok", start + MINUTE)
    village.at(start + 5 * MINUTE)
    assert village.case().outcome == "self_ok"
    village.presses("help", start + 2 * MINUTE)
    village.at(start + 5 * MINUTE + 1_000)
    assert [row.outcome for row in cases(village)] == ["self_ok", None]
    village.presses("ok", start + 6 * MINUTE)
    village.at(start + 6 * MINUTE)
    village.at(start + 7 * MINUTE)
    assert [row.outcome for row in cases(village)] == ["self_ok", "self_ok"]


@pytest.mark.on_both_stores
def test_a_word_that_came_when_all_was_over_does_not_answer_the_press_of_before(village, start):
    """What a neighbour says after the end is kept and moves nothing: it is not what ended the case."""
    village.presses("help", start)
    village.at(start)
    village.presses("ok", start + MINUTE)
    village.at(start + 5 * MINUTE)
    asked = village.phone("ichiro")[0]
    assert not village.answers_message(asked, "safe", start + 5 * MINUTE + 500).changed
    village.presses("help", start + 2 * MINUTE)
    village.at(start + 5 * MINUTE + 1_000)
    assert [row.outcome for row in cases(village)] == ["self_ok", None]


def test_a_press_in_another_home_makes_no_answered_call_new(village, start):
    with edit(village.db, actor="test", now_ms=start) as registry:
        registry.add_home("ichiro", "council", "gw-ichiro", id="home-ichiro")
    village.presses("help", start)
    village.at(start)
    village.presses("ok", start + MINUTE)
    village.at(start + 5 * MINUTE)
    village.presses("help", start + 3 * MINUTE, home="home-ichiro")
    village.at(start + 6 * MINUTE)
    with reading(village.db) as connection:
        assert read_signals(connection, Outlook(start + 6 * MINUTE, village.settings)) == []


def test_who_says_that_all_is_well_after_pressing_ok_and_help_is_left_in_peace(village, start):
    village.presses("help", start)
    village.at(start)
    village.presses("ok", start + MINUTE)
    village.presses("help", start + 2 * MINUTE)
    village.at(start + 3 * MINUTE)
    responses.answer_for(village.db, village.case().id, "hana", "safe", start + 4 * MINUTE)
    village.at(start + 5 * MINUTE)
    assert [row.outcome for row in cases(village)] == ["self_ok"]
