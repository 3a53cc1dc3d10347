"""Whatever clocks and links do: a home that is ready has a deadline ahead, and no alarm is raised for the past."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly import HotState, Observations, Rhythm, RhythmSettings, Watch

DAY_S = 86_400.0
JAPAN_S = 32_400.0
KINDS = {"kitchen": "motion", "bed": "motion", "front": "door", "kettle": "power"}

steps = st.lists(
    st.tuples(
        st.one_of(
            st.floats(0, 7200),
            st.floats(-7200, 0),
            st.sampled_from([3600.0, -3600.0, 0.0, 31 * DAY_S, -31 * DAY_S]),  # summer time, repeats, a month
        ),
        st.sampled_from(sorted(KINDS)),
        st.sampled_from([0.0, 1.0]),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def known() -> tuple[bytes, float]:
    """A ready home as bytes, and its newest sign of life."""
    rng, rhythm, at_s = np.random.default_rng(3), Rhythm(RhythmSettings()), 1_767_225_600.0 + 7 * 3600
    for day in range(20):
        morning_s = 1_767_225_600.0 + day * DAY_S + 7 * 3600
        for at_s in morning_s + np.sort(rng.random(60)) * 15 * 3600:
            rhythm.observe(float(at_s), ("kitchen", "bed", "kettle")[int(rng.integers(3))], "motion", 1.0)
    assert rhythm.table().ready
    return rhythm.to_bytes(), float(at_s)


@settings(max_examples=40, deadline=None)
@given(steps=steps)
def test_a_ready_home_always_has_a_deadline_after_its_newest_sign_of_life(known, steps):
    data, newest_s = known
    rhythm, now_s = Rhythm.from_bytes(data, RhythmSettings()), newest_s
    for step_s, sensor, value in steps:
        now_s += step_s
        rhythm.observe(now_s, sensor, KINDS[sensor], value)
        newest_s = max(newest_s, now_s) if value else newest_s
        found = rhythm.deadlines()
        assert found.ready
        assert found.since == newest_s
        assert newest_s + 1800 <= found.ask_at <= found.call_at <= newest_s + DAY_S


@settings(max_examples=40, deadline=None)
@given(steps=steps, data=st.data())
def test_a_restart_at_any_moment_changes_nothing(known, steps, data):
    kept, now_s = known
    never_stopped, restarted = (Rhythm.from_bytes(kept, RhythmSettings()) for _ in range(2))
    cut = data.draw(st.integers(0, len(steps)))
    for index, (step_s, sensor, value) in enumerate(steps):
        now_s += step_s
        if index == cut:
            restarted = Rhythm.from_bytes(restarted.to_bytes(), RhythmSettings())
        for rhythm in (never_stopped, restarted):
            rhythm.observe(now_s, sensor, KINDS[sensor], value)
    assert restarted.to_bytes() == never_stopped.to_bytes()


@settings(max_examples=40, deadline=None)
@given(late=st.lists(st.tuples(st.floats(0, 19 * DAY_S), st.sampled_from(sorted(KINDS))), max_size=20))
def test_back_fill_and_repeats_change_no_deadline(known, late):
    data, newest_s = known
    rhythm, undisturbed = (Rhythm.from_bytes(data, RhythmSettings()) for _ in range(2))
    for before_s, sensor in late:
        rhythm.observe(newest_s - 1 - before_s, sensor, KINDS[sensor], 1.0)
    for at_s in (newest_s + 600, newest_s + 2 * DAY_S, newest_s + 2 * DAY_S):
        for one in (rhythm, undisturbed):
            one.observe(at_s, "kitchen", "motion", 1.0)
        assert (rhythm.deadlines().ask_at, rhythm.deadlines().call_at) == (
            undisturbed.deadlines().ask_at,
            undisturbed.deadlines().call_at,
        )


@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(-500, 40_000), st.sampled_from([JAPAN_S, 0.0, 3600.0]), st.integers(0, 2)
        ),
        min_size=1,
        max_size=40,
    ),
    data=st.data(),
)
def test_a_watch_restored_at_any_moment_goes_on_as_if_it_had_not_stopped(known, rows, data):
    table = Rhythm.from_bytes(known[0], RhythmSettings()).table()
    never_stopped, restarted = Watch(), Watch()
    for name in "abc":
        never_stopped.put(name, table)
        restarted.put(name, table)
    cut = data.draw(st.integers(0, len(rows)))
    for index, (home, step, offset_s, context) in enumerate(rows):
        if index == cut:
            restarted = _restored(restarted)
        one = Observations(
            np.array([home]), np.array([known[1] + step * 7.0]), np.array([offset_s]), np.array([context], np.int8)
        )
        before, after = never_stopped.observe(one), restarted.observe(one)
        assert before.lapses == after.lapses
        assert before.ask_at.tolist() == after.ask_at.tolist()
        assert before.last_s[0] + 1800 <= before.ask_at[0] <= before.call_at[0] <= before.last_s[0] + DAY_S


def _restored(watch: Watch) -> Watch:
    restored = Watch()
    for home, name in enumerate("abc"):
        hot = watch.hot(home)
        kept = None if hot is None else HotState(hot.last_s, hot.offset_s, hot.context)
        restored.put(name, watch.table(home), kept)
    return restored
