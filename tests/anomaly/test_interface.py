"""The faces that the rest of the product builds on."""

import numpy as np
import pytest

from anomaly import DeadlineTable, HotState, Observations, Rhythm, RhythmSettings, UnreadableState, Watch

DAY_S = 86_400.0
MONDAY_S = 1_767_225_600.0  # 2026-01-01 00:00 on the wall clock


def test_nothing_heard_means_no_deadline_and_not_ready():
    deadlines = Rhythm(RhythmSettings()).deadlines()
    assert (deadlines.ask_at, deadlines.call_at, deadlines.ready) == (None, None, False)
    assert deadlines.reason.ja
    assert deadlines.reason.en


def test_every_sign_of_life_buys_a_new_deadline_and_an_off_buys_none():
    rhythm = Rhythm(RhythmSettings())
    rhythm.observe(MONDAY_S + 36_000, "kitchen", "motion", 1)
    before = rhythm.deadlines()
    assert before.ask_at >= MONDAY_S + 36_000 + 1800
    assert before.call_at >= before.ask_at
    rhythm.observe(MONDAY_S + 37_000, "kitchen", "motion", 0)
    assert rhythm.deadlines().ask_at == before.ask_at


@pytest.mark.parametrize("budget_days", [0, 0.5, 366, float("nan")])
def test_a_budget_out_of_range_is_refused_by_name(budget_days):
    with pytest.raises(ValueError, match="ask_every_days must be 1 to 365"):
        RhythmSettings(ask_every_days=budget_days)


@pytest.mark.parametrize(("local_s", "kind"), [(MONDAY_S, "smell"), (float("nan"), "motion"), (-5.0, "motion")])
def test_an_event_that_is_none_is_refused(local_s, kind):
    with pytest.raises(ValueError, match="must be"):
        Rhythm(RhythmSettings()).observe(local_s, "kitchen", kind, 1)


def test_bytes_of_another_version_are_refused():
    with pytest.raises(UnreadableState, match="version"):
        Rhythm.from_bytes(b"XXXX" + bytes(20), RhythmSettings())
    with pytest.raises(UnreadableState, match="version"):
        DeadlineTable.from_bytes(b"XXXX" + bytes(2000))
    with pytest.raises(UnreadableState, match="cut short"):
        DeadlineTable.from_bytes(Rhythm(RhythmSettings()).table().to_bytes()[:-1])


def test_a_watch_gives_deadlines_lapses_and_the_homes_that_are_due():
    watch = Watch()
    table = Rhythm(RhythmSettings()).table()
    index = watch.put("a", table)
    assert watch.hot(index) is None
    outcome = watch.observe(one(index, MONDAY_S, 32_400))
    assert watch.due(outcome.ask_at[0] - 1).size == 0
    assert watch.due(outcome.ask_at[0]).tolist() == [index]
    assert watch.hot(index) == HotState(MONDAY_S, 32_400, 2)
    late = watch.observe(one(index, MONDAY_S + 2 * DAY_S, 32_400))
    assert [lapse.kind for lapse in late.lapses] == ["ask", "call"]
    assert late.lapses[0].due_s == outcome.ask_at[0]
    assert watch.due(MONDAY_S + 2 * DAY_S).size == 0


def one(home: int, utc_s: float, offset_s: float, context: int = 2) -> Observations:
    return Observations(np.array([home]), np.array([utc_s]), np.array([offset_s]), np.array([context], np.int8))
