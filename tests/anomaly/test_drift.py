"""Lasting drift over weeks."""

import numpy as np
import pytest

from anomaly import NoteKind, NoteSettings, Noticer

FIRST_S = 1_767_225_600.0
HOUR_S, DAY_S = 3600.0, 86_400.0
ONLY = frozenset({NoteKind.DRIFT})


def notes_of(events, days, noticer=None):
    """Every note, with the clock looked at every six hours."""
    noticer = noticer or Noticer(NoteSettings(), ONLY)
    events = sorted(events)
    found, i = [], 0
    for quarter in range(1, days * 4 + 1):
        now_s = FIRST_S + quarter * 6 * HOUR_S
        while i < len(events) and events[i][0] < now_s:
            noticer.observe(*events[i])
            i += 1
        found += noticer.advance(now_s)
    return found


def changed(events, from_day, change):
    """Each event of a day from ``from_day`` on, as ``change`` (seconds into the day) has it; None: it is left out."""
    for at_s, *rest in events:
        day, of_day_s = divmod(at_s - FIRST_S, DAY_S)
        moved_s = of_day_s if day < from_day else change(of_day_s)
        if moved_s is not None:
            yield (FIRST_S + day * DAY_S + moved_s, *rest)


def test_weeks_with_less_movement_are_noted_once_and_as_not_urgent(life):
    rng = np.random.default_rng(4)
    events = list(changed(life(70), 50, lambda s: s if rng.random() < 0.6 else None))
    (note,) = notes_of(events, 70)
    assert FIRST_S + 56 * DAY_S < note.at_s < FIRST_S + 66 * DAY_S
    assert note.evidence.recent < note.evidence.before
    assert "急ぎではありません" in note.reason.ja
    assert "less movement" in note.reason.en
    assert "Not urgent" in note.reason.en


def test_weeks_that_begin_later_are_noted(life):
    events = list(changed(life(70), 50, lambda s: s + 2 * HOUR_S))
    (note,) = notes_of(events, 70)
    assert note.evidence.measure in {"begins_h", "ends_h", "night_slots"}, "whichever is sure first"
    assert note.evidence.recent > note.evidence.before + 1


def test_a_bad_week_that_ends_is_no_drift(life):
    rng = np.random.default_rng(4)
    events = [e for e in life(75) if not 50 <= (e[0] - FIRST_S) / DAY_S < 55 or rng.random() < 0.5]
    assert notes_of(events, 75) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_even_life_does_not_drift(life, seed):
    assert notes_of(life(85, seed), 85) == []


def test_an_absence_of_weeks_is_no_drift(life):
    events = [e for e in life(85) if not 45 <= (e[0] - FIRST_S) / DAY_S < 65]
    assert notes_of(events, 85) == []


def test_five_weeks_are_needed(life):
    noticer = Noticer(NoteSettings(), ONLY)
    notes_of(life(30), 30, noticer)
    assert noticer.ready() == {NoteKind.DRIFT: False}
