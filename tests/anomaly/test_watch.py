"""Many homes at once must do what one rhythm does for one."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly import HotState, Observations, Rhythm, RhythmSettings, Watch

UTC_S = 1_767_225_600.0
JAPAN_S = 32_400.0


def observations(rows) -> Observations:
    home, utc_s, offset_s, context = zip(*rows, strict=True)
    return Observations(np.array(home), np.array(utc_s), np.array(offset_s), np.array(context, np.int8))


@pytest.fixture
def three(lived):
    """A watch over three homes with three tables."""
    watch = Watch()
    for name, days in (("a", 0), ("b", 16), ("c", 40)):
        watch.put(name, lived(days).table())
    return watch


rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 40_000).map(lambda n: UTC_S + n * 7.0),
        st.just(JAPAN_S),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=40,
)


def test_the_watch_gives_the_deadlines_of_the_rhythm(life):
    events = life(26)
    morning = next(index for index, event in enumerate(events) if event[0] > events[0][0] + 25 * 86_400.0 - 3600)
    rhythm, watch = Rhythm(RhythmSettings()), Watch()
    for event in events[: morning + 1]:
        rhythm.observe(*event)
    table = rhythm.table()  # of the night before, in force for the whole day
    home = watch.put("a", table)
    for local_s, sensor, kind, value in events[morning + 1 :]:
        rhythm.observe(local_s, sensor, kind, value)
        if value:
            context = table.context_of(sensor, kind)
            outcome = watch.observe(observations([(home, local_s - JAPAN_S, JAPAN_S, context)]))
            expected = rhythm.deadlines()
            assert outcome.ask_at[0] + JAPAN_S == expected.ask_at
            assert outcome.call_at[0] + JAPAN_S == expected.call_at
    assert rhythm.table() is table
    assert len(events) - morning > 50


def test_the_watch_follows_the_rhythm_over_its_nights(life):
    rhythm, watch = Rhythm(RhythmSettings()), Watch()
    home = watch.put("a", rhythm.table())
    for local_s, sensor, kind, value in life(18):
        rhythm.observe(local_s, sensor, kind, value)
        watch.put("a", rhythm.table())
        if value:
            context = rhythm.table().context_of(sensor, kind)
            outcome = watch.observe(observations([(home, local_s - JAPAN_S, JAPAN_S, context)]))
            assert outcome.ask_at[0] + JAPAN_S == rhythm.deadlines().ask_at


@settings(max_examples=30, deadline=None)
@given(rows=rows, data=st.data())
def test_order_of_arrival_cuts_and_repeats_change_no_deadline(rows, data):
    table = Rhythm(RhythmSettings()).table()
    shuffled = data.draw(st.permutations(rows + rows[:3]))
    cut = data.draw(st.integers(0, len(shuffled)))
    one, two = Watch(), Watch()
    for name in "abc":
        one.put(name, table)
        two.put(name, table)
    one.observe(observations(rows))
    for part in (shuffled[:cut], shuffled[cut:]):
        if part:
            two.observe(observations(part))
    for home in range(3):
        assert one.hot(home) == two.hot(home)
    for now_s in (UTC_S + 3600, UTC_S + 200_000, UTC_S + 400_000):
        assert one.due(now_s).tolist() == two.due(now_s).tolist()


@settings(max_examples=30, deadline=None)
@given(rows=rows, change=st.sampled_from([-3600.0, 3600.0, -50_400.0]))
def test_no_change_of_clock_fires_for_the_past_or_leaves_a_home_without_a_deadline(rows, change):
    watch = Watch()
    for name in "abc":
        watch.put(name, Rhythm(RhythmSettings()).table())
    for home, utc_s, offset_s, context in rows:
        changed = offset_s + (change if utc_s > UTC_S + 100_000 else 0.0)
        outcome = watch.observe(observations([(home, utc_s, changed, context)]))
        assert outcome.last_s[0] >= utc_s
        assert outcome.last_s[0] + 1800 <= outcome.ask_at[0] <= outcome.call_at[0] <= outcome.last_s[0] + 86_400


@settings(max_examples=30, deadline=None)
@given(rows=rows, asked=st.lists(st.integers(0, 2), max_size=6))
def test_a_look_at_the_deadlines_says_what_the_last_batch_did_and_changes_nothing(rows, asked):
    watch = Watch()
    for name in "abc":
        watch.put(name, Rhythm(RhythmSettings()).table())
    outcome = watch.observe(observations(rows))
    told = {int(home): n for n, home in enumerate(outcome.home)}
    known = [watch.hot(home) for home in range(3)]
    found = watch.deadlines(np.array(asked, np.intp))
    assert found.home.tolist() == asked
    for n, home in enumerate(asked):
        looked_up = (found.ask_at[n], found.call_at[n], found.last_s[n])
        if home in told:
            m = told[home]
            assert looked_up == (outcome.ask_at[m], outcome.call_at[m], outcome.last_s[m])
            assert found.context[n] == outcome.context[m]
        else:
            assert looked_up == (np.inf, np.inf, -np.inf), "nothing was heard: nothing is due"
    assert [watch.hot(home) for home in range(3)] == known
    assert watch.observe(observations(rows)).lapses == []


def test_a_look_at_the_deadlines_sees_a_new_table_and_what_was_restored(three, lived):
    home = three.put("c", lived(40).table(), HotState(UTC_S, JAPAN_S, 2))
    before = three.deadlines(np.array([home]))
    three.put("c", lived(40, ask_every_days=365).table())
    after = three.deadlines(np.array([home]))
    table = three.table(home)
    assert (before.last_s, after.last_s, after.context) == (UTC_S, UTC_S, 2)
    assert after.ask_at == UTC_S + float(table.ask_s[2, 18]) != before.ask_at
    assert after.call_at == UTC_S + float(table.call_s[2, 18])


def test_a_late_observation_moves_no_deadline_and_makes_no_lapse(three):
    first = three.observe(observations([(1, UTC_S + 50_000, JAPAN_S, 2)]))
    late = three.observe(observations([(1, UTC_S, JAPAN_S, 0)]))
    assert late.ask_at.tolist() == first.ask_at.tolist()
    assert late.context.tolist() == [2]
    assert late.lapses == []


def test_lapses_inside_a_batch_are_told_once_each(three):
    rows = [(2, UTC_S + hours * 3600.0, JAPAN_S, 2) for hours in (0, 30, 30.1, 60)]
    outcome = three.observe(observations(rows))
    assert [(lapse.kind, lapse.ended_s) for lapse in outcome.lapses] == [
        ("ask", rows[1][1]),
        ("call", rows[1][1]),
        ("ask", rows[3][1]),
        ("call", rows[3][1]),
    ]
    assert all(lapse.since_s < lapse.due_s < lapse.ended_s for lapse in outcome.lapses)
    assert three.observe(observations(rows)).lapses == []


def test_a_restored_watch_and_one_that_never_stopped_give_equal_deadlines(three):
    three.observe(observations([(0, UTC_S, JAPAN_S, 0), (1, UTC_S + 5, JAPAN_S, 1), (2, UTC_S + 9.5, JAPAN_S, 2)]))
    restored = Watch()
    for home, name in enumerate("abc"):
        assert restored.put(name, three.table(home), three.hot(home)) == three.index(name)
    batch = observations([(0, UTC_S + 70_000, JAPAN_S, 1), (2, UTC_S + 8, JAPAN_S, 1)])
    before, after = restored.observe(batch), three.observe(batch)
    assert before.ask_at.tolist() == after.ask_at.tolist()
    assert before.lapses == after.lapses


def test_a_new_table_also_judges_the_silence_that_has_begun(three, lived):
    three.observe(observations([(2, UTC_S, JAPAN_S, 2)]))
    three.put("c", lived(40, ask_every_days=365).table())
    assert three.hot(2) == HotState(UTC_S, JAPAN_S, 2)
    table = three.table(2)
    assert three.due(UTC_S + float(table.ask_s[2, 18]) - 1).size == 0
    assert three.due(UTC_S + float(table.ask_s[2, 18])).tolist() == [2]


def test_it_grows_past_its_first_homes(lived):
    watch, table = Watch(), lived(0).table()
    homes = [watch.put(f"home {n}", table) for n in range(200)]
    watch.observe(observations([(home, UTC_S + home, JAPAN_S, 1) for home in homes]))
    assert [watch.hot(home).last_s - UTC_S for home in homes] == homes
    assert watch.due(UTC_S + 86_400).tolist() == homes


def test_what_cannot_be_is_refused(three):
    with pytest.raises(IndexError, match="put"):
        three.observe(observations([(7, UTC_S, JAPAN_S, 1)]))
    for unknown in (3, -1):
        with pytest.raises(IndexError, match="put"):
            three.deadlines(np.array([unknown]))
    with pytest.raises(ValueError, match="finite"):
        three.observe(observations([(0, float("nan"), JAPAN_S, 1)]))
    with pytest.raises(ValueError, match="context"):
        three.observe(observations([(0, UTC_S, JAPAN_S, 3)]))
    with pytest.raises(KeyError):
        three.index("nobody")
    empty = Observations(np.empty(0, int), np.empty(0), np.empty(0), np.empty(0, np.int8))
    assert three.observe(empty).lapses == []


def test_a_table_that_was_packed_away_comes_back_as_it_was(lived):
    watch, learned = Watch(), lived(20).table()
    homes = [watch.put(f"home {n}", learned if n % 2 else lived(0).table()) for n in range(300)]
    back = watch.table(homes[1])
    assert back is not learned
    assert back.to_bytes() == learned.to_bytes()
    assert watch.put("home 1", lived(0).table()) == homes[1]
    assert watch.table(homes[1]).to_bytes() == lived(0).table().to_bytes()


def test_a_table_whose_deadlines_are_no_whole_minutes_is_refused_not_rounded(lived):
    table = lived(0).table()
    with pytest.raises(ValueError, match="whole minutes"):
        Watch().put("a", replace(table, ask_s=table.ask_s + 7))


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9000), st.integers(0, 2)), min_size=1, max_size=30))
def test_a_batch_in_order_of_time_gives_what_its_signs_give_one_by_one(rows):
    table = Rhythm(RhythmSettings()).table()
    whole, single = Watch(), Watch()
    for name in "abc":
        whole.put(name, table)
        single.put(name, table)
    times = UTC_S + np.cumsum([seconds for _, seconds, _ in rows])
    signs = [(home, at, JAPAN_S, context) for (home, _, context), at in zip(rows, times.tolist(), strict=True)]
    lapses = [lapse for sign in signs for lapse in single.observe(observations([sign])).lapses]
    together = whole.observe(observations(signs))
    assert sorted(together.lapses, key=repr) == sorted(lapses, key=repr)
    for home in range(3):
        assert whole.hot(home) == single.hot(home)
    assert whole.due(UTC_S + 1e6).tolist() == single.due(UTC_S + 1e6).tolist()
