"""What is noticed besides silence leads to a question, then to staff; on a real database."""

from dataclasses import replace

import pytest

from alerts.decisions.commands import Tell
from alerts.decisions.events import Answered, FoundWell, Moved, SaidOk, TimePassed
from alerts.decisions.incident import decide, opened
from alerts.decisions.model import Answer, IncidentState, News, Recipients
from alerts.incidents import answers
from alerts.settings import AlertsSettings
from alerts.signals.noted import ANSWER_COVERS_MS, HOLDS_MS
from alerts.tools.next_moment import next_moment_ms
from contracts.signals import Sentence, Signal, SignalKind
from store.register.registry import edit
from store.schema import incidents, statements
from store.settings import read_settings

HOUR = 3_600_000
MINUTE = 60_000
T0 = 1_767_225_600_000
EVERYBODY = Recipients(True, ("ichiro", "jiro"), ("shiki",))
NOTICED = [SignalKind.DECLINE, SignalKind.NO_RETURN]


# ---- the pure machine ----


def first(kind, roster=EVERYBODY, settings=None):
    signal = Signal("home-hana", kind, T0 - 60 * MINUTE, T0, T0 + 30 * MINUTE, Sentence("", ""))
    asked = opened(signal, "hana", (settings or AlertsSettings()).policy(kind), roster, T0).incident
    return replace(
        asked, asked=tuple(replace(item, may_have_arrived=True, accepted_ms=item.at_ms) for item in asked.asked)
    )


def test_a_movement_ends_an_outing_and_not_a_decline():
    assert decide(first(SignalKind.DECLINE), Moved(T0 + MINUTE), EVERYBODY, T0 + MINUTE) is None
    back = decide(first(SignalKind.NO_RETURN), Moved(T0 + MINUTE), EVERYBODY, T0 + MINUTE)
    assert (back.incident.state, back.incident.outcome) == (IncidentState.RESOLVED, "movement")


def test_a_movement_after_staff_were_asked_is_news_to_them():
    called = decide(first(SignalKind.NO_RETURN), TimePassed(), EVERYBODY, T0 + 30 * MINUTE).incident
    called = replace(called, asked=tuple(replace(item, may_have_arrived=True) for item in called.asked))
    moved = decide(called, Moved(T0 + 31 * MINUTE), EVERYBODY, T0 + 31 * MINUTE)
    assert moved.incident.state is IncidentState.NOTIFYING
    assert moved.commands == (Tell("shiki", News.MOVED),)


@pytest.mark.parametrize("kind", NOTICED)
def test_what_was_said_before_it_was_noticed_is_no_answer(kind):
    before = T0 - 61 * MINUTE
    assert decide(first(kind), SaidOk(before), EVERYBODY, T0) is None
    assert decide(first(kind), FoundWell("ichiro", before), EVERYBODY, T0) is None
    assert decide(first(kind), Moved(before), EVERYBODY, T0) is None


@pytest.mark.parametrize(("by", "outcome"), [("hana", "self_ok"), ("ichiro", "safe")])
@pytest.mark.parametrize("kind", [SignalKind.SILENCE, *NOTICED])
def test_who_is_found_well_in_another_case_is_found_well_in_this_one(kind, by, outcome):
    ended = decide(first(kind), FoundWell(by, T0 + MINUTE), EVERYBODY, T0 + MINUTE).incident
    assert (ended.state, ended.outcome, ended.outcome_by) == (IncidentState.RESOLVED, outcome, by)


def test_a_call_for_help_is_not_answered_in_another_case():
    assert decide(first(SignalKind.HELP), FoundWell("ichiro", T0 + MINUTE), EVERYBODY, T0 + MINUTE) is None


@pytest.mark.parametrize("kind", NOTICED)
def test_who_answers_that_they_need_help_is_heard_by_staff_at_once(kind):
    called = decide(first(kind), Answered("hana", Answer.CANNOT, 1), EVERYBODY, T0 + MINUTE).incident
    assert (called.council_ms, called.called_ms) == (T0 + MINUTE, None)


# ---- in the store ----


@pytest.fixture
def noted(village, start):
    """The person lives on and is not silent; at ``at`` something is noted, five minutes later ingest has said so."""

    def note(kind="decline", at=start + HOUR, *, beat=True):
        village.lives(at - MINUTE, 48 * HOUR, 49 * HOUR)
        village.is_noticed(kind, at)
        if beat:
            village.beats(at + 5 * MINUTE)
        return at + 5 * MINUTE

    return note


@pytest.mark.parametrize("kind", NOTICED)
def test_the_person_is_asked_and_then_staff_and_no_neighbour(village, noted, kind):
    now = noted(kind)
    assert next_moment_ms(village.engine, now) == now
    village.at(now)
    assert (village.told("ask"), village.case().kind) == (["hana"], kind)
    village.at(now + 30 * MINUTE - 1)
    assert village.told("staff") == []
    for again in (1, 2, 3):
        village.at(now + again * 30 * MINUTE)
        assert village.told("staff") == ["shiki"] * again
    assert village.told("call") == []
    assert (village.case().reason_ja, village.case().reason_en) == ("いつもの20%です。", "20% of the usual.")


def test_the_person_has_the_whole_time_however_late_the_hour_was_looked_at(village, noted):
    now = noted() + 85 * MINUTE
    village.still_holds(now - 20 * MINUTE)
    village.at(now)
    assert village.case().next_due_ms == now + 30 * MINUTE


def test_one_note_opens_one_case_however_long_it_holds(village, noted):
    now = noted()
    village.at(now)
    village.answers("hana", "safe", now + MINUTE)
    for hour in range(1, 8):
        village.still_holds(now + hour * HOUR)
        village.at(now + hour * HOUR)
    assert len(village.rows(incidents)) == 1
    assert village.told("ask") == ["hana"]


def test_what_no_longer_holds_calls_nobody(village, noted):
    now = noted() + HOLDS_MS
    village.at(now)
    assert village.rows(incidents) == []
    village.still_holds(now - MINUTE)
    village.at(now)
    assert village.told("ask") == ["hana"], "it holds on: the engine was away, and asks as soon as it is back"


@pytest.mark.parametrize("kind", ["unrest", "drift", "missed_routine", "power_left_on", "power_flat"])
def test_other_notes_call_nobody(village, noted, kind):
    village.at(noted(kind))
    assert village.rows(incidents) == []


def test_a_kind_without_a_ladder_calls_nobody(found_village, start):
    village = found_village(settings=AlertsSettings(decline_ladder=()))
    village.lives(start, 48 * HOUR, 49 * HOUR)
    for kind in NOTICED:
        village.is_noticed(kind, start)
    village.at(start + 5 * MINUTE)
    assert village.case().kind == "no_return"


def test_neighbours_are_called_where_the_ladder_names_them(found_village, start):
    village = found_village(
        settings=read_settings(AlertsSettings, {"decline_ladder": ["person", "neighbours", "council"]}, "alerts")
    )
    village.lives(start, 48 * HOUR, 49 * HOUR)
    village.is_noticed("decline", start)
    for minutes in (5, 35, 95):
        village.at(start + minutes * MINUTE)
    assert (village.told("call"), village.told("staff")) == (["ichiro", "jiro"], ["shiki"])


def test_without_a_way_of_asking_the_person_staff_are_asked_when_the_answer_would_have_been_due(village, noted):
    with edit(village.db, actor="test", now_ms=T0) as registry:
        registry.disable_contact_method("m-hana", "gone")
    now = noted()
    village.at(now)
    assert village.told("staff") == []
    village.at(now + 30 * MINUTE)
    assert village.told("staff") == ["shiki"]


def test_devices_that_are_not_proven_alive_notice_nothing(village, noted):
    now = noted(beat=False)
    village.at(now, beat=False)
    assert [row.kind for row in village.rows(incidents)] == ["gateway_lost"], "a matter of devices alone"
    village.at(now + MINUTE)
    assert village.told("ask") == ["hana"]


def test_an_absence_puts_it_off_until_it_ends_and_it_must_still_hold_then(village, noted):
    now = noted()
    with edit(village.db, actor="test", now_ms=now) as registry:
        registry.register_absence("home-hana", now - HOUR, now + HOUR)
    assert next_moment_ms(village.engine, now) == now + 15 * MINUTE, "the devices of the empty home"
    village.at(now)
    assert village.rows(incidents) == []
    village.still_holds(now + 30 * MINUTE)
    village.at(now + HOUR)
    assert village.told("ask") == ["hana"]


def test_an_open_silence_owns_the_case_and_the_note_waits(village, start):
    village.at(start + 2 * HOUR)
    village.is_noticed("decline", start + 2 * HOUR)
    village.at(start + 2 * HOUR + 5 * MINUTE)
    assert village.case().kind == "silence"
    village.lives(start + 2 * HOUR + 6 * MINUTE)
    village.at(start + 2 * HOUR + 7 * MINUTE)
    village.at(start + 2 * HOUR + 8 * MINUTE)
    assert [(row.kind, row.outcome) for row in sorted(village.rows(incidents), key=lambda row: row.opened_ms)] == [
        ("silence", "movement"),
        ("decline", None),
    ], "they moved, which ends the silence; that they hardly move goes on"


def test_a_human_word_after_the_note_answers_it(village, noted):
    now = noted()
    village.presses("ok", now - MINUTE)
    village.at(now)
    assert village.rows(incidents) == []


def test_who_was_just_found_well_is_not_asked_about_something_else_for_a_while(village, start):
    village.at(start + 2 * HOUR)
    word = start + 2 * HOUR + 10 * MINUTE
    village.answers("hana", "safe", word)
    village.lives(word + 1, 48 * HOUR, 49 * HOUR)
    village.is_noticed("decline", word + 50 * MINUTE)
    village.at(word + 55 * MINUTE)
    assert village.told("ask") == ["hana"]
    assert next_moment_ms(village.engine, word + 55 * MINUTE) <= word + ANSWER_COVERS_MS
    village.still_holds(word + 110 * MINUTE)
    village.at(word + ANSWER_COVERS_MS)
    assert village.told("ask") == ["hana", "hana"]


def test_who_came_home_before_anybody_asked_is_not_asked(village, noted, start):
    now = noted("no_return")
    village.lives(start + HOUR + MINUTE, 48 * HOUR, 49 * HOUR)
    village.at(now)
    assert village.rows(incidents) == []


def test_who_comes_home_while_asked_is_left_alone_and_who_declines_is_not(village, noted):
    now = noted("no_return")
    village.at(now)
    village.lives(now + MINUTE, 48 * HOUR, 49 * HOUR)
    village.at(now + 2 * MINUTE)
    assert village.case().outcome == "movement"
    village.is_noticed("decline", now + HOUR)
    village.at(now + HOUR + 5 * MINUTE)
    village.lives(now + HOUR + 6 * MINUTE, 48 * HOUR, 49 * HOUR)
    village.at(now + HOUR + 7 * MINUTE)
    assert [row.outcome for row in village.rows(incidents) if row.kind == "decline"] == [None]


def test_an_answer_to_one_question_answers_the_silence_that_came_in_between(village, start):
    village.lives(start, 2 * HOUR, 3 * HOUR)
    village.is_noticed("decline", start + HOUR)
    village.at(start + HOUR + 5 * MINUTE)
    answers.answer_for(village.db, village.case().id, "shiki", "going", start + HOUR + 10 * MINUTE, "board", eta_s=3600)
    village.at(start + 2 * HOUR)
    assert sorted(row.kind for row in village.rows(incidents) if row.state not in ("resolved",)) == [
        "decline",
        "silence",
    ]
    village.answers("hana", "safe", start + 2 * HOUR + 5 * MINUTE)
    village.at(start + 2 * HOUR + 5 * MINUTE)
    assert {(row.kind, row.outcome, row.outcome_by) for row in village.rows(incidents)} == {
        ("decline", "self_ok", "hana"),
        ("silence", "self_ok", "hana"),
    }
    assert len([row for row in village.rows(statements) if row.kind == "ok"]) == 1


def test_whoever_found_the_person_safe_ends_the_question_too(village, start):
    village.lives(start, 2 * HOUR, 3 * HOUR)
    village.is_noticed("decline", start + 2 * HOUR - 10 * MINUTE)
    village.at(start + 2 * HOUR - 5 * MINUTE)
    village.at(start + 2 * HOUR)
    village.at(start + 2 * HOUR + 25 * MINUTE)
    village.at(start + 2 * HOUR + 30 * MINUTE)
    assert (village.told("staff"), village.told("call")) == (["shiki"], ["ichiro", "jiro"])
    village.answers("ichiro", "safe", start + 2 * HOUR + 40 * MINUTE)
    village.at(start + 2 * HOUR + 40 * MINUTE)
    assert {(row.kind, row.outcome, row.outcome_by) for row in village.rows(incidents)} == {
        ("decline", "safe", "ichiro"),
        ("silence", "safe", "ichiro"),
    }
    assert "shiki" in village.told("news")
