"""Missed routine."""

import numpy as np

from anomaly import NoteKind, NoteSettings, Noticer

FIRST_S = 1_767_225_600.0
HOUR_S, DAY_S = 3600.0, 86_400.0
ONLY = frozenset({NoteKind.MISSED_ROUTINE})


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


def kettle(days, without=()):
    """The kettle at about eight every morning."""
    at_h = 8 + np.random.default_rng(2).normal(0, 0.4, days)
    return [
        (FIRST_S + d * DAY_S + at_h[d] * HOUR_S, "kitchen.kettle", "power", 1.0)
        for d in range(days)
        if d not in without
    ]


def test_the_kettle_that_stays_cold_is_noted_the_same_day(life):
    found = notes_of(life(41) + kettle(41, without={40}), FIRST_S + 41 * DAY_S)
    (note,) = [note for note in found if note.at_s > FIRST_S + 40 * DAY_S]
    assert note.evidence.sensor == "kitchen.kettle"
    assert 9 <= (note.at_s - FIRST_S - 40 * DAY_S) / HOUR_S <= 15
    assert "電気ポット" in note.reason.ja
    assert "kettle" in note.reason.en
    assert note.evidence.share_of_days == 1.0


def test_mornings_as_usual_are_not_noted(life):
    assert len(notes_of(life(60) + kettle(60), FIRST_S + 60 * DAY_S)) <= 2


def test_what_is_done_on_some_days_only_is_no_routine(life):
    rare = kettle(42, without=set(range(0, 42, 3)))
    assert [n for n in notes_of(life(42) + rare, FIRST_S + 42 * DAY_S) if n.evidence.sensor == "kitchen.kettle"] == []


def test_when_nothing_at_all_is_heard_it_is_a_silence_and_not_a_missed_routine(life):
    events = [e for e in life(41) + kettle(41) if e[0] < FIRST_S + 39.96 * DAY_S]
    assert [n for n in notes_of(events, FIRST_S + 41 * DAY_S) if n.at_s > FIRST_S + 40 * DAY_S] == []


def test_who_is_out_all_day_misses_no_routine(life):
    day_s = FIRST_S + 40 * DAY_S
    events = [e for e in life(41) + kettle(41) if e[0] < day_s + 5 * HOUR_S]
    events += [(day_s + 5 * HOUR_S + n * 120, "living", "motion", 1.0) for n in range(5)]
    events += [(day_s + 5.5 * HOUR_S, "front", "door", 1.0), (day_s + 20 * HOUR_S, "front", "door", 1.0)]
    assert [n for n in notes_of(events, day_s + 19 * HOUR_S) if n.at_s > day_s] == []


def test_a_kettle_that_was_given_away_is_noted_once(life):
    events = life(50) + kettle(50, without=set(range(40, 50)))
    found = notes_of(events, FIRST_S + 50 * DAY_S)
    assert len([n for n in found if n.evidence.sensor == "kitchen.kettle" and n.at_s > FIRST_S + 40 * DAY_S]) == 1


def test_the_first_two_weeks_say_nothing(life):
    noticer = Noticer(NoteSettings(), ONLY)
    assert notes_of(life(12) + kettle(12, without={11}), FIRST_S + 12 * DAY_S, noticer) == []
    assert noticer.ready() == {NoteKind.MISSED_ROUTINE: False}
