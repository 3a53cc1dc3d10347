"""Partial decline: life goes on, far below the usual."""

import copy

import numpy as np
import pytest

from anomaly import NoteKind, NoteSettings, Noticer

FIRST_S = 1_767_225_600.0  # 2026-01-01 00:00 on the wall clock
HOUR_S, DAY_S = 3600.0, 86_400.0
ONLY = frozenset({NoteKind.DECLINE})


KNOWN_S = FIRST_S + 40 * DAY_S
"""Before it the life of every test is the same."""


def notes_of(events, noticer=None, from_s=None, until_s=None):
    """Every note, with the clock looked at once an hour."""
    noticer = noticer or Noticer(NoteSettings(), ONLY)
    events = sorted(events)
    now_s, found, i = from_s or events[0][0] // HOUR_S * HOUR_S, [], 0
    while now_s < (until_s or events[-1][0]):
        now_s += HOUR_S
        while i < len(events) and events[i][0] < now_s:
            noticer.observe(*events[i])
            i += 1
        found += noticer.advance(now_s)
    return found


@pytest.fixture(scope="module")
def acquainted(life):
    """A noticer that has known that life for forty days, and noted nothing."""
    noticer = Noticer(NoteSettings(), ONLY)
    assert notes_of([event for event in life(40) if event[0] < KNOWN_S], noticer, until_s=KNOWN_S) == []
    return noticer


@pytest.fixture
def notes_after(acquainted):
    """As `notes_of`, by that noticer: of what is like that life until then, what follows."""

    def notes(events, until_s=None):
        later = [event for event in events if event[0] >= KNOWN_S]
        return notes_of(later, copy.deepcopy(acquainted), KNOWN_S, until_s)

    return notes


def thinned(events, from_s, share, seed=5):
    rng = np.random.default_rng(seed)
    return [event for event in events if event[0] < from_s or rng.random() < share]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("hour", [8, 15, 23])
def test_a_decline_is_noted_within_a_day_at_whatever_hour_it_begins(life, notes_after, share, hour):
    onset_s = KNOWN_S + hour * HOUR_S
    found = notes_after(thinned(life(43), onset_s, share))
    assert found
    assert onset_s < found[0].at_s <= onset_s + DAY_S
    assert found[0].evidence.seen < 0.45 * found[0].evidence.usual
    assert found[0].score > 1


def test_an_ordinary_life_is_not_noted(life):
    assert len(notes_of(life(70))) <= 1


def test_one_decline_is_one_note_however_long_it_lasts(life, notes_after):
    onset_s = KNOWN_S + 9 * HOUR_S
    assert len(notes_after(thinned(life(46), onset_s, 0.2))) == 1


def test_it_says_so_in_both_languages_with_the_numbers(life, notes_after):
    (note,) = notes_after(thinned(life(42), KNOWN_S, 0.2))[:1]
    share = round(100 * note.evidence.seen / note.evidence.usual)
    assert f"いつもの{share}%" in note.reason.ja
    assert f"{share}% of the usual" in note.reason.en
    assert note.evidence_json()["hours"] == note.evidence.hours


def test_a_home_of_two_weeks_is_not_ready_and_says_so(life):
    noticer = Noticer(NoteSettings(), ONLY)
    assert notes_of(thinned(life(13), FIRST_S + 11 * DAY_S, 0.1), noticer) == []
    assert noticer.ready() == {NoteKind.DECLINE: False}
    notes_of(life(17), noticer := Noticer(NoteSettings(), ONLY))
    assert noticer.ready() == {NoteKind.DECLINE: True}


def test_a_sensor_that_dies_is_not_a_decline(life, notes_after):
    dies_s = KNOWN_S + 8 * HOUR_S
    events = [event for event in life(46) if event[1] != "living" or event[0] < dies_s]
    assert [note for note in notes_after(events) if note.at_s > dies_s] == []


def test_a_decline_after_a_sensor_died_is_still_noted(life):
    dies_s, onset_s = FIRST_S + 38 * DAY_S, FIRST_S + 42 * DAY_S + 9 * HOUR_S
    events = [event for event in life(46) if event[1] != "living" or event[0] < dies_s]
    found = [note for note in notes_of(thinned(events, onset_s, 0.15)) if note.at_s > dies_s]
    assert found
    assert onset_s < found[0].at_s <= onset_s + DAY_S


def test_total_silence_is_left_to_the_deadlines(life, notes_after):
    stops_s = KNOWN_S + 9 * HOUR_S
    events = [event for event in life(42) if event[0] < stops_s]
    found = notes_after(events, until_s=stops_s + 5 * DAY_S)
    assert [note for note in found if note.at_s > stops_s] == []


def test_coming_home_after_a_month_is_no_decline(life, notes_after):
    events = [event for event in life(80) if not 40 <= (event[0] - FIRST_S) / DAY_S < 70]
    assert [note for note in notes_after(events) if note.at_s > KNOWN_S] == []


def test_a_day_out_is_no_decline(life, notes_after):
    day_s = KNOWN_S
    out = (day_s + 8 * HOUR_S, day_s + 19 * HOUR_S)
    events = [event for event in life(42) if not out[0] <= event[0] <= out[1]]
    events += [(at_s, "front", "door", 1.0) for at_s in out]
    assert [note for note in notes_after(events) if note.at_s > day_s] == []


def test_a_decline_of_a_few_days_does_not_become_the_usual(life, notes_after):
    first, second = KNOWN_S, FIRST_S + 50 * DAY_S
    rng = np.random.default_rng(1)
    fallen = [(first, first + 4 * DAY_S), (second, second + 4 * DAY_S)]
    events = [e for e in life(54) if not any(a <= e[0] < b for a, b in fallen) or rng.random() < 0.2]
    found = notes_after(events)
    assert any(first < note.at_s <= first + DAY_S for note in found)
    assert any(second < note.at_s <= second + DAY_S for note in found)
