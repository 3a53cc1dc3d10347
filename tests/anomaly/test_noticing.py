"""The noticer as a whole: it judges the present alone, and goes on exactly after a restart."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly import NoteKind, NoteSettings, Noticer, UnreadableState
from anomaly.notes.note import METER_KINDS

FIRST_S = 1_767_225_600.0
HOUR_S, DAY_S = 3600.0, 86_400.0


def fed(events, upto_s):
    noticer = Noticer(NoteSettings())
    for event in events:
        if event[0] < upto_s:
            noticer.observe(*event)
    return noticer


def test_a_restored_noticer_and_one_that_never_stopped_note_the_same(life):
    events = [e for e in life(44) if e[0] < FIRST_S + 40 * DAY_S or hash(e) % 5 == 0]
    whole, cut, notes, notes_cut, i = Noticer(NoteSettings()), Noticer(NoteSettings()), [], [], 0
    for hour in range(1, 44 * 24):
        now_s = FIRST_S + hour * HOUR_S
        while i < len(events) and events[i][0] < now_s:
            whole.observe(*events[i])
            cut.observe(*events[i])
            i += 1
        notes += whole.advance(now_s)
        notes_cut += cut.advance(now_s)
        if hour % 31 == 0:
            cut = Noticer.from_bytes(cut.to_bytes(), NoteSettings())
    assert notes
    assert notes_cut == notes
    assert cut.to_bytes() == whole.to_bytes()


def test_nothing_is_noted_of_the_past(life):
    """A month that arrives at once, with a decline in it that is over, is judged by its last hour."""
    over = (FIRST_S + 30 * DAY_S, FIRST_S + 34 * DAY_S)
    events = [e for e in life(41) if not over[0] <= e[0] < over[1] or hash(e) % 5 == 0]
    noticer = fed(events, FIRST_S + 40 * DAY_S)
    assert all(note.at_s == FIRST_S + 40 * DAY_S for note in noticer.advance(FIRST_S + 40 * DAY_S))
    assert NoteKind.DECLINE not in {note.kind for note in noticer.advance(FIRST_S + 40 * DAY_S + HOUR_S)}


def test_an_hour_is_judged_once_and_a_clock_set_back_judges_nothing(life):
    noticer = fed(life(41), FIRST_S + 40 * DAY_S)
    noticer.advance(FIRST_S + 40 * DAY_S)
    before = noticer.to_bytes()
    assert noticer.advance(FIRST_S + 40 * DAY_S + 1800) == []
    assert noticer.advance(FIRST_S + 40 * DAY_S - HOUR_S) == []
    assert noticer.to_bytes() == before


def test_a_home_never_heard_of_is_not_ready_for_anything():
    noticer = Noticer(NoteSettings())
    assert noticer.advance(FIRST_S) == []
    assert noticer.ready() == dict.fromkeys(set(NoteKind) - METER_KINDS, False)


def test_a_new_diary_does_not_say_again_what_is_said(life):
    events = [e for e in life(43) if e[0] < FIRST_S + 40 * DAY_S or hash(e) % 6 == 0]
    now_s = FIRST_S + 41 * DAY_S + 12 * HOUR_S
    noticer = fed(events, now_s)
    assert NoteKind.DECLINE in {note.kind for note in noticer.advance(now_s)}
    again = noticer.without_diary()
    for event in events:
        if event[0] < now_s + HOUR_S:
            again.observe(*event)
    assert NoteKind.DECLINE not in {note.kind for note in again.advance(now_s + HOUR_S)}


@pytest.mark.parametrize("data", [b"", b"MNT1", b"MDY1" + bytes(12)])
def test_damaged_state_is_refused(data):
    with pytest.raises(UnreadableState):
        Noticer.from_bytes(data, NoteSettings())


@pytest.mark.parametrize("values", [{"decline_every_days": 0.5}, {"drift_every_days": 400}, {"ready_after_days": 3}])
def test_settings_out_of_range_are_refused_by_name(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        NoteSettings(**values)


rows = st.tuples(
    st.integers(0, 120 * 86_400), st.sampled_from(["a", "b", "front"]), st.sampled_from(["motion", "door", "item"])
)


@given(st.lists(rows, max_size=120), st.lists(st.integers(0, 130 * 24), max_size=12))
@settings(max_examples=40, deadline=None)
def test_no_events_in_no_order_with_no_gaps_make_it_fall_or_speak_of_the_past(events, hours):
    noticer = Noticer(NoteSettings())
    moments = [(at_s, 0, sensor, kind) for at_s, sensor, kind in events] + [(h * 3600, 1, "", "") for h in hours]
    for at_s, is_clock, sensor, kind in moments:
        now_s = FIRST_S + at_s
        if is_clock:
            assert all(note.at_s == now_s and note.since_s <= now_s for note in noticer.advance(now_s))
        else:
            noticer.observe(now_s, sensor, kind, 1.0)
        assert Noticer.from_bytes(noticer.to_bytes(), NoteSettings()).to_bytes() == noticer.to_bytes()
