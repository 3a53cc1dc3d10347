"""Weekdays are told apart where a home's own weeks support it, and nowhere else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly import DeadlineTable, Rhythm, RhythmSettings
from anomaly.memory.day_types import DAY_HALF_HOURS, NONE, decide, lent, same_type, week_of, weekday_of
from anomaly.memory.memory import day_of
from anomaly.occupancy import DOOR, HALF_HOURS

DAY_S = 86_400.0
HOUR_S = 3600.0
FIRST_S = 1_767_225_600.0  # 2026-01-01 00:00, a Thursday, on the wall clock
FIRST_DAY = 20_454
CARE = 0b0001010  # Tuesdays and Thursdays


def is_care(day):
    return CARE >> int(weekday_of(day)) & 1


@pytest.fixture(scope="module")
def two_rhythms():
    """Somebody who is at day care on Tuesdays and Thursdays from 9:30 to 16:30, and on other days goes for a walk."""

    def live(days, seed=1):
        rng = np.random.default_rng(seed)
        events = []
        for day in range(days):
            begin_s = FIRST_S + day * DAY_S
            out_s = begin_s + (9.5 + rng.normal(0, 0.1)) * HOUR_S
            back_s = out_s + (7 if is_care(FIRST_DAY + day) else 0.7 + rng.random()) * HOUR_S
            at_s, bed_s = (begin_s + (hour + rng.normal(0, 0.3)) * HOUR_S for hour in (7, 22))
            while at_s < bed_s:
                if not out_s < at_s < back_s:
                    events.append((at_s, ("kitchen", "living", "toilet")[int(rng.integers(3))], "motion", 1.0))
                at_s += 60 + rng.exponential(900)
            events += [(out_s, "front", "door", 1.0), (back_s, "front", "door", 1.0), (bed_s, "bed", "motion", 1.0)]
        return sorted(events)

    return live


@pytest.fixture(scope="module")
def judged(two_rhythms):
    """The rhythm of that home after 100 days, when it would have asked after each outing, and its false asks."""

    def judge():
        rhythm, waits, false_asks, last_s = Rhythm(RhythmSettings(ask_every_days=7.0)), {}, 0, None
        for local_s, sensor, kind, value in two_rhythms(100):
            if last_s is not None:
                deadlines = rhythm.deadlines()
                false_asks += local_s > deadlines.ask_at
                went_out = deadlines.context == DOOR and last_s % DAY_S < 12 * HOUR_S
                if went_out and local_s - last_s > 1800 and last_s > FIRST_S + 60 * DAY_S:
                    waits[last_s] = deadlines.ask_at - last_s
            rhythm.observe(local_s, sensor, kind, value)
            last_s = local_s
        return rhythm, waits, false_asks

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anomaly.memory.memory.decide", lambda *_: NONE)
        alike = judge()
    return judge(), alike


def weeks_of(rates, weeks, seed=0):
    """Days of whole weeks and one day more, and in which half-hours there was life; ``rates`` by weekday."""
    rng = np.random.default_rng(seed)
    first = FIRST_DAY - weekday_of(FIRST_DAY)
    day = np.arange(first, first + 7 * weeks + 1)
    return day, rng.random((len(day), HALF_HOURS)) < rates[weekday_of(day)]


def waking_rates():
    rates = np.full((7, HALF_HOURS), 0.05)
    rates[:, 14:44] = 0.8
    return rates


def test_days_at_a_day_care_centre_are_found_after_some_weeks():
    rates = waking_rates()
    rates[[1, 3], 19:33] = 0.02
    found = [decide(*weeks_of(rates, weeks), NONE) for weeks in range(1, 17)]
    assert found[:4] == [NONE] * 4
    assert found[6:] == [CARE] * 10


def test_a_later_morning_at_weekends_is_found():
    rates = waking_rates()
    rates[5:, 14:18] = 0.1
    assert decide(*weeks_of(rates, 12), NONE) == 0b0011111


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), weeks=st.integers(5, 20), share=st.floats(0.1, 0.9))
def test_a_home_without_a_rhythm_of_the_week_is_never_split(seed, weeks, share):
    rates = np.clip(np.random.default_rng(seed).normal(share, 0.2, HALF_HOURS), 0.01, 0.99)
    assert decide(*weeks_of(np.tile(rates, (7, 1)), weeks, seed), NONE) == NONE


def test_types_of_day_end_when_the_rhythm_of_the_week_ends():
    rates = waking_rates()
    day, active = weeks_of(rates, 30)
    away = np.isin(weekday_of(day), [1, 3]) & (week_of(day) < week_of(day[0]) + 10)
    active[np.ix_(away, range(19, 33))] = False
    special, seen = NONE, []
    for end in np.flatnonzero(np.diff(week_of(day))) + 2:
        special = decide(day[:end], active[:end], special)
        seen.append(special)
    assert CARE in seen
    assert set(seen) == {NONE, CARE}
    assert special == NONE
    assert np.count_nonzero(np.diff(np.array(seen))) == 2  # it began and it ended, without going to and fro


def test_a_few_odd_days_are_no_rhythm():
    day, active = weeks_of(waking_rates(), 12)
    active[[20, 34, 41], 14:44] = False
    assert decide(day, active, NONE) == NONE


def test_nights_are_never_told_apart_and_few_days_borrow_more():
    of_type, days = np.array([0, 1, 0, 1, 0, 0, 0]), np.array([4.0, 3.0, 4.0, 3.0, 4.0, 4.0, 4.0])
    counts = lent(of_type, days)
    by_day = counts[..., DAY_HALF_HOURS]
    nights = np.delete(counts, np.arange(HALF_HOURS)[DAY_HALF_HOURS], axis=-1)
    assert (nights == 1).all()
    assert (by_day[0, of_type == 0] == 1).all()
    assert (by_day[1, of_type == 1] == 1).all()
    assert ((counts > 0) & (counts <= 1)).all()
    assert (by_day[1, 0, DOOR] > by_day[0, 1, DOOR]).all()  # the type with six days borrows, that with twenty does not
    assert (by_day[1, 0] >= by_day[0, 1]).all()
    assert (by_day[:, :, DOOR] <= by_day[:, :, DOOR + 1]).all()


def test_a_type_is_named_by_all_its_weekdays():
    assert same_type(NONE, 3) == NONE
    assert same_type(CARE, 1) == CARE
    assert same_type(CARE, 0) == 0b1110101


def test_a_home_with_two_rhythms_asks_sooner_about_an_outing_of_an_ordinary_day(judged):
    (rhythm, waits, false_asks), (alike, waits_alike, false_alike) = judged
    ordinary = [began_s for began_s in waits if not is_care(day_of(began_s))]
    care = [began_s for began_s in waits if is_care(day_of(began_s))]
    assert len(ordinary) > 20
    assert len(care) > 8
    sooner = np.median([waits[s] for s in ordinary]) / np.median([waits_alike[s] for s in ordinary])
    assert sooner < 0.85
    assert min(waits[s] for s in care) > 6.9 * HOUR_S  # a day at the centre is no reason to ask
    assert false_asks <= false_alike + 2
    assert rhythm.table().evidence.weekdays in {CARE, 0b1110101}
    assert alike.table().evidence.weekdays == NONE


def test_the_split_is_there_for_today_and_says_so(judged):
    rhythm, _, _ = judged[0]
    rhythm = Rhythm.from_bytes(rhythm.to_bytes(), RhythmSettings(ask_every_days=7.0))
    seen = {}
    begin_s = FIRST_S + 100 * DAY_S
    for day in range(7):
        at_s = begin_s + day * DAY_S + 9 * HOUR_S
        rhythm.observe(at_s, "kitchen", "motion", 1.0)
        seen[int(weekday_of(day_of(at_s)))] = (rhythm.table().evidence.weekdays, rhythm.deadlines().reason)
    assert {weekday for weekday, (weekdays, _) in seen.items() if weekdays == CARE} == {1, 3}
    assert seen[1][1].ja.startswith("火・木曜はいつも")
    assert seen[1][1].en.startswith("On Tuesdays and Thursdays there is usually movement")
    assert seen[0][1].ja.startswith("月・水・金・土・日曜はいつも")


def test_a_restored_rhythm_of_a_split_home_goes_on_exactly(two_rhythms):
    whole, parts = Rhythm(RhythmSettings()), Rhythm(RhythmSettings())
    for count, event in enumerate(two_rhythms(62)):
        whole.observe(*event)
        parts.observe(*event)
        if count % 501 == 0:
            parts = Rhythm.from_bytes(parts.to_bytes(), RhythmSettings())
            assert parts.deadlines().ask_at == whole.deadlines().ask_at
    assert whole.table().evidence.weekdays
    assert parts.to_bytes() == whole.to_bytes()
    table = whole.table()
    assert DeadlineTable.from_bytes(table.to_bytes()).evidence.weekdays == table.evidence.weekdays
    assert len(table.to_bytes()) <= 2048


def test_repeats_and_what_comes_late_change_nothing_in_a_split_home(two_rhythms, judged):
    events = two_rhythms(100)
    repeated = Rhythm(RhythmSettings(ask_every_days=7.0))
    for before, event in zip([events[0], *events], events, strict=False):
        for each in (event, event, before):
            repeated.observe(*each)
    assert repeated.to_bytes() == judged[0][0].to_bytes()


def test_weeks_without_life_decide_nothing_in_turn_or_at_once(judged):
    state = judged[0][0].to_bytes()
    in_turn, at_once = (Rhythm.from_bytes(state, RhythmSettings(ask_every_days=7.0)) for _ in range(2))
    end_s = FIRST_S + 150 * DAY_S
    for now_s in np.arange(FIRST_S + 100 * DAY_S, end_s, DAY_S / 2):
        in_turn.advance(float(now_s))
    in_turn.advance(end_s)
    at_once.advance(end_s)
    assert in_turn.to_bytes() == at_once.to_bytes()
    assert at_once.deadlines().ask_at is not None


def test_a_home_without_two_rhythms_keeps_one_table_for_all_days(lived):
    assert lived(75).table().evidence.weekdays == NONE
