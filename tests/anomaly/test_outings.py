"""No return from outdoors."""

import pytest

from anomaly import NoteKind, NoteSettings, Noticer

FIRST_S = 1_767_225_600.0
HOUR_S, DAY_S = 3600.0, 86_400.0
ONLY = frozenset({NoteKind.NO_RETURN})


def notes_of(events, until_s, noticer=None):
    noticer = noticer or Noticer(NoteSettings(), ONLY)
    now_s, found, i = FIRST_S, [], 0
    while now_s < until_s:
        now_s += HOUR_S
        while i < len(events) and events[i][0] < now_s:
            noticer.observe(*events[i])
            i += 1
        found += noticer.advance(now_s)
    return found


def never_back(life, day, left_h):
    left_s = FIRST_S + day * DAY_S + left_h * HOUR_S
    return [e for e in life(day + 1) if e[0] < left_s] + [(left_s, "front", "door", 1.0)], left_s


def test_who_goes_out_as_usual_and_does_not_come_back_is_missed_the_same_day(life):
    events, left_s = never_back(life, 40, 14.2)
    (note,) = notes_of(events, left_s + 20 * HOUR_S)
    assert note.since_s == left_s
    assert left_s + 2 * HOUR_S <= note.at_s <= left_s + 6 * HOUR_S
    assert note.evidence.out_h > note.evidence.longest_h
    assert "14:12に外出" in note.reason.ja
    assert "Out since 14:12" in note.reason.en


def test_who_comes_back_as_usual_is_not_missed(life):
    assert len(notes_of(life(60), FIRST_S + 60 * DAY_S)) <= 1


def test_a_long_outing_that_is_over_is_not_noted_afterwards(life):
    events, left_s = never_back(life, 40, 14.2)
    back_s = left_s + 15 * HOUR_S
    noticer = Noticer(NoteSettings(), ONLY)
    for event in [*events, (back_s, "front", "door", 1.0), (back_s + 90, "living", "motion", 1.0)]:
        noticer.observe(*event)
    assert noticer.advance(back_s + HOUR_S) == []


def test_a_home_without_a_sensor_at_the_entrance_is_never_ready(life):
    noticer = Noticer(NoteSettings(), ONLY)
    assert notes_of([e for e in life(40) if e[2] != "door"], FIRST_S + 41 * DAY_S, noticer) == []
    assert noticer.ready() == {NoteKind.NO_RETURN: False}


@pytest.mark.parametrize("days", [5, 12])
def test_the_first_two_weeks_say_nothing(life, days):
    events, left_s = never_back(life, days, 14.2)
    assert notes_of(events, left_s + 20 * HOUR_S) == []
