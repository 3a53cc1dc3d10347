"""Night unrest."""

import numpy as np

from anomaly import NoteKind, NoteSettings, Noticer
from anomaly.memory.memory import day_of
from anomaly.notes.diary import Diary
from anomaly.notes.unrest import Unrest

FIRST_S = 1_767_225_600.0
HOUR_S, DAY_S = 3600.0, 86_400.0
ONLY = frozenset({NoteKind.UNREST})


def notes_of(events, until_s, noticer=None):
    noticer = noticer or Noticer(NoteSettings(), ONLY)
    events = sorted(events)
    now_s, found, i = FIRST_S, [], 0
    while now_s < until_s:
        now_s += HOUR_S
        while i < len(events) and events[i][0] < now_s:
            noticer.observe(*events[i])
            i += 1
        found += noticer.advance(now_s)
    return found


def stroll(day, from_h, hours):
    begin_s = FIRST_S + day * DAY_S + from_h * HOUR_S
    return [(begin_s + minute * 60, "living", "motion", 1.0) for minute in range(0, int(hours * 60), 5)]


def with_visits(life, days):
    """Every second night has a visit to the toilet."""
    return life(days) + [e for day in range(0, days, 2) for e in stroll(day, 2.5, 0.2)]


def test_a_night_up_and_about_is_noted_while_it_lasts_with_what_was_seen_until_then(life):
    events = with_visits(life, 42) + stroll(40, 1.5, 2.0)
    (note,) = notes_of(events, FIRST_S + 41 * DAY_S)
    midnight_s = FIRST_S + 40 * DAY_S
    assert note.at_s in (midnight_s + 2 * HOUR_S, midnight_s + 3 * HOUR_S)
    assert note.evidence.slots == (note.at_s - midnight_s - 1.5 * HOUR_S) // 600
    assert note.evidence.to_h == note.at_s % DAY_S // HOUR_S
    assert note.evidence.slots > note.evidence.most
    assert f"約{note.evidence.slots * 10}分" in note.reason.ja


def test_the_night_is_as_long_as_it_is_quiet_not_five_hours(life):
    """A person who sleeps from 23 to 7 is restless at 4 and at 6 as well as at 1."""
    events = with_visits(life, 44) + stroll(40, 4.5, 1.2)
    (note,) = [n for n in notes_of(events, FIRST_S + 41 * DAY_S) if n.at_s > FIRST_S + 40 * DAY_S]
    assert FIRST_S + 40 * DAY_S + 5 * HOUR_S <= note.at_s <= FIRST_S + 40 * DAY_S + 7 * HOUR_S


def test_an_hour_at_one_go_is_noted_where_as_much_in_short_visits_is_usual(life):
    visits = [e for day in range(44) for hour in (0.2, 1.2, 2.2, 3.2, 4.2, 5.2) for e in stroll(day, hour, 0.2)]
    events = life(44) + visits
    assert [n for n in notes_of(events, FIRST_S + 43 * DAY_S) if n.at_s > FIRST_S + 30 * DAY_S] == []
    calm = [e for e in visits if not FIRST_S + 40 * DAY_S <= e[0] < FIRST_S + 40.3 * DAY_S]
    notes = notes_of(life(44) + calm + stroll(40, 2.5, 1.2), FIRST_S + 43 * DAY_S)
    (note,) = [n for n in notes if n.at_s > FIRST_S + 30 * DAY_S]
    assert note.evidence.slots <= note.evidence.most
    assert note.evidence.stretch > note.evidence.most_stretch
    assert "続けて" in note.reason.ja
    assert "at one go" in note.reason.en


def test_the_usual_visits_to_the_toilet_are_not_noted(life):
    assert len(notes_of(with_visits(life, 60), FIRST_S + 60 * DAY_S)) <= 2


def test_restless_nights_in_a_row_are_one_note(life):
    events = with_visits(life, 44) + [e for day in (40, 41, 42) for e in stroll(day, 1.5, 2.0)]
    assert len([n for n in notes_of(events, FIRST_S + 44 * DAY_S) if n.at_s > FIRST_S + 40 * DAY_S]) == 1


def test_a_night_that_is_long_over_is_not_noted(life):
    noticer = Noticer(NoteSettings(), ONLY)
    for event in sorted(with_visits(life, 41) + stroll(40, 1.5, 2.0)):
        noticer.observe(*event)
    assert noticer.advance(FIRST_S + 40 * DAY_S + 20 * HOUR_S) == []


def test_the_night_is_by_night_even_where_everybody_is_out_by_day():
    diary = Diary()
    for day in range(20):
        for hour in (*np.arange(6, 7.5, 0.1), *np.arange(18, 23, 0.1), 2.5):
            diary.observe(FIRST_S + (day + (hour < 3)) * DAY_S + hour * HOUR_S, "living", "motion", 1.0)
    found = Unrest.learn(diary, int(day_of(FIRST_S)) + 21, NoteSettings())
    begins_h = (found.begin_slot / 6 + 3) % 24
    assert begins_h >= 20 or begins_h <= 3


def test_too_few_nights_say_nothing(life):
    noticer = Noticer(NoteSettings(), ONLY)
    assert notes_of(with_visits(life, 10) + stroll(9, 1, 2), FIRST_S + 10 * DAY_S, noticer) == []
    assert noticer.ready() == {NoteKind.UNREST: False}
