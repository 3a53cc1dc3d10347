"""One home's learner: what it learns, and what it must never do."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly import DeadlineTable, Rhythm, RhythmSettings
from anomaly.occupancy import BUSY, DOOR, QUIET

DAY_S = 86_400.0
FIRST_S = 1_767_225_600.0
KINDS = {"kitchen": "motion", "bed": "motion", "front": "door", "kettle": "power"}


def test_a_home_is_not_ready_before_two_weeks_and_says_so(lived):
    young, known = lived(10), lived(20)
    assert not young.table().ready
    assert not young.deadlines().ready
    assert "学習中" in young.deadlines().reason.ja
    assert "learning" in young.deadlines().reason.en
    assert known.table().ready
    assert known.deadlines().ready
    assert "いつもは" in known.deadlines().reason.ja


def test_the_caps_watch_a_home_that_is_not_ready():
    rhythm = Rhythm(RhythmSettings(ask_every_days=365, call_every_days=365))
    rhythm.observe(FIRST_S, "kitchen", "motion", 1)
    assert rhythm.deadlines().call_at <= FIRST_S + 12 * 3600
    rhythm.observe(FIRST_S + 1, "front", "door", 1)
    assert rhythm.deadlines().call_at <= FIRST_S + 1 + 24 * 3600


def test_it_learns_that_nights_are_quiet_and_mornings_are_not(lived):
    table = lived(60).table()
    busy = table.context_of("kitchen", "motion")
    assert table.ask_s[busy, 20] < 3 * 3600 < table.ask_s[QUIET, 46]


def test_it_learns_which_rooms_are_busy_from_what_follows_not_from_names(lived):
    table = lived(40).table()
    assert table.context_of("bed", "motion") == QUIET
    assert table.context_of("kitchen", "motion") == BUSY
    assert table.context_of("front", "door") == DOOR
    assert table.context_of("never heard of", "item") == QUIET


@pytest.mark.parametrize("budget_days", [3.0, 7.0, 30.0])
def test_a_budget_attains_about_what_was_asked_for(life, budget_days):
    rhythm, false_asks, last_s = Rhythm(RhythmSettings(ask_every_days=budget_days)), 0, None
    for local_s, sensor, kind, value in life(150, seed=5):
        if value and last_s is not None and local_s > FIRST_S + 14 * DAY_S:
            false_asks += local_s > rhythm.deadlines().ask_at
        rhythm.observe(local_s, sensor, kind, value)
        last_s = local_s if value else last_s
    expected = 136 / budget_days  # of rare ones chance decides whether there are two more or two fewer
    assert 0.2 * expected - 2 <= false_asks <= 2.0 * expected + 2
    assert false_asks or budget_days > 7


def test_a_longer_budget_never_waits_shorter(lived):
    tables = [lived(40, ask_every_days=days).table() for days in (2.0, 7.0, 30.0, 365.0)]
    for shorter, longer in itertools.pairwise(tables):
        assert (longer.ask_s >= shorter.ask_s).all()


def test_help_is_never_called_before_the_person_is_asked(lived):
    table = lived(40, ask_every_days=365, call_every_days=1).table()
    assert (table.call_s >= table.ask_s).all()


def test_a_restored_rhythm_and_one_that_never_stopped_give_equal_deadlines(life):
    events = life(40)
    whole, parts = Rhythm(RhythmSettings()), Rhythm(RhythmSettings())
    for count, event in enumerate(events):
        whole.observe(*event)
        parts.observe(*event)
        if count % 97 == 0:
            parts = Rhythm.from_bytes(parts.to_bytes(), RhythmSettings())
            assert parts.deadlines().ask_at == whole.deadlines().ask_at
    assert parts.to_bytes() == whole.to_bytes()


def test_nights_learned_in_turn_equal_the_same_nights_at_once(life):
    events = life(30)
    in_turn, at_once = Rhythm(RhythmSettings()), Rhythm(RhythmSettings())
    for event in events:
        in_turn.observe(*event)
        at_once.observe(*event)
    end_s = events[-1][0] + 40 * DAY_S
    for now_s in np.arange(events[-1][0], end_s, DAY_S / 3):
        in_turn.advance(float(now_s))
    in_turn.advance(end_s)
    at_once.advance(end_s)
    assert in_turn.to_bytes() == at_once.to_bytes()


def test_a_fortnight_away_does_not_teach_that_silence_is_usual(life):
    events = life(70)
    away = (FIRST_S + 40 * DAY_S, FIRST_S + 54 * DAY_S)
    stray = [(away[0] + day * DAY_S + 50_000, "kitchen", "motion", 1.0) for day in range(14)]
    spent_away = sorted([event for event in events if not away[0] <= event[0] < away[1]] + stray)
    rhythm, undisturbed = Rhythm(RhythmSettings()), Rhythm(RhythmSettings())
    for event in spent_away:
        rhythm.observe(*event)
    for event in events:
        undisturbed.observe(*event)
    morning = rhythm.table().ask_s[BUSY, 18:26].mean(), undisturbed.table().ask_s[BUSY, 18:26].mean()
    assert morning[0] < 1.3 * morning[1]


def test_a_table_survives_its_bytes_and_stays_small(lived):
    rhythm = Rhythm(RhythmSettings())
    for day in range(30):
        for index in range(90):
            rhythm.observe(FIRST_S + day * DAY_S + 25_000 + index * 600, f"台所の引き出し-{index}", "item", 1)
    for table in (rhythm.table(), lived(30).table()):
        data = table.to_bytes()
        back = DeadlineTable.from_bytes(data)
        assert len(data) <= 2048
        assert back.to_bytes() == data
        assert (back.ask_s == table.ask_s).all()
        assert (back.call_s == table.call_s).all()
        assert back.attained == table.attained
        assert back.evidence.places == table.evidence.places


def test_no_night_takes_back_a_deadline_that_has_passed(life):
    rhythm = Rhythm(RhythmSettings(ask_every_days=2.0))
    for event in life(40):
        rhythm.observe(*event)
    noon_s = FIRST_S + 41 * DAY_S + 12 * 3600
    rhythm.observe(noon_s, "kitchen", "motion", 1.0)
    promised = rhythm.deadlines()
    assert promised.ask_at < FIRST_S + 42 * DAY_S
    for days in (1, 2, 30):
        rhythm.advance(noon_s + days * DAY_S)
        found = rhythm.deadlines()
        assert (found.ask_at, found.call_at) == (promised.ask_at, promised.call_at)
    held = rhythm.table()
    rhythm.observe(noon_s + 30 * DAY_S + 60, "kitchen", "motion", 1.0)
    assert rhythm.table() is not held


def test_deadlines_change_nothing(lived):
    rhythm = lived(16)
    before = rhythm.to_bytes()
    rhythm.deadlines()
    assert rhythm.to_bytes() == before


moves = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 7200), st.floats(-7200, 0), st.floats(0, 45 * DAY_S), st.just(3600.0), st.just(0.0)),
        st.sampled_from(sorted(KINDS)),
        st.sampled_from([0.0, 1.0]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=20, deadline=None)
@given(moves)
def test_late_events_clock_changes_and_month_long_gaps_never_fire_for_the_past(steps):
    rhythm, now_s, newest_s = Rhythm(RhythmSettings()), FIRST_S, -np.inf
    for step_s, sensor, value in steps:
        now_s += step_s
        rhythm.observe(now_s, sensor, KINDS[sensor], value)
        if value:
            newest_s = max(newest_s, now_s)
        deadlines = rhythm.deadlines()
        if newest_s > -np.inf:
            assert deadlines.ask_at is not None
            assert newest_s + 1800 <= deadlines.ask_at <= deadlines.call_at <= newest_s + 24 * 3600


@settings(max_examples=25, deadline=None)
@given(st.permutations(["kitchen", "bed", "front", "kettle"]))
def test_the_order_of_events_of_one_moment_does_not_matter(order):
    rhythm = Rhythm(RhythmSettings())
    for sensor in ["kitchen", "bed", "front", "kettle"]:
        rhythm.observe(FIRST_S, sensor, KINDS[sensor], 1)
    for sensor in order:
        rhythm.observe(FIRST_S + 60, sensor, KINDS[sensor], 1)
    assert rhythm.deadlines().context == DOOR
