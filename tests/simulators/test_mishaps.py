import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.events import is_sign_of_life
from simulators.people.household import Condition, Household
from simulators.people.life import DAY, HOUR, Doing, Person, midnight_s
from simulators.people.mishaps import Collapse, Decline, Wandering
from simulators.people.traits import draw_traits
from simulators.people.wallclock import local_s, utc_ms

START = dt.date(2026, 1, 1)
DATES = [START + dt.timedelta(days=number) for number in range(20)]


def home(seed, *happenings):
    return Household(Person(seed, draw_traits(seed, 0)), "Asia/Tokyo", happenings)


def all_readings(household):
    return [reading for date in DATES for reading in household.readings(date)]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1_000), after_s=st.floats(0.0, 3 * DAY))
def test_after_a_collapse_nothing_human_happens_and_before_it_nothing_changed(seed, after_s):
    at_s = midnight_s(START) + after_s
    well, fallen = home(seed), home(seed, Collapse(at_s))
    at_ms = utc_ms(at_s, well.zone)
    dates = DATES[:5]
    usual = [r for date in dates for r in well.readings(date)]
    played = [r for date in dates for r in fallen.readings(date)]
    later = [r for r in played if r.wall_ms > at_ms]
    assert not any(is_sign_of_life(r.kind, r.fields) for r in later)
    assert all(r.wall_ms - at_ms < 10 * 60_000 for r in later)  # a hold-off time, a boiling kettle
    assert [r for r in played if r.wall_ms < at_ms and is_sign_of_life(r.kind, r.fields)] == [
        r for r in usual if r.wall_ms < at_ms and is_sign_of_life(r.kind, r.fields)
    ]


def test_nobody_closes_what_the_collapsed_person_left_open():
    for seed in range(15):
        usual = [r for r in home(seed).readings(DATES[0]) if r.sensor == "kitchen.fridge"]
        opened = next(r for r in usual if r.fields["open"])
        zone = home(seed).zone
        fallen = home(seed, Collapse(local_s(opened.wall_ms, zone) + 2.0)).readings(DATES[0])
        assert [r.fields["open"] for r in fallen if r.sensor == "kitchen.fridge" and r.wall_ms >= opened.wall_ms] == [
            True
        ]


def test_a_person_back_from_hospital_lives_on_as_before():
    at_s, back_s = midnight_s(DATES[3]) + 10 * HOUR, midnight_s(DATES[9]) + 14 * HOUR
    usual, played = home(1), home(1, Collapse(at_s, back_s))
    assert [played.readings(date) for date in DATES[11:]] == [usual.readings(date) for date in DATES[11:]]
    came_home = [a for a in played.activities(DATES[9]) if a.doing is Doing.COME_HOME]
    assert [a.from_s for a in came_home] == [back_s]
    assert played.readings(DATES[6]) == []
    assert played.condition(utc_ms(at_s + 60, played.zone)) is Condition.COLLAPSED
    assert played.condition(utc_ms(back_s + 60, played.zone)) is Condition.WELL


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
def test_in_a_decline_that_share_of_life_is_left(share):
    from_s = midnight_s(DATES[5])
    left = []
    for seed in range(5):
        usual, played = home(seed), home(seed, Decline(from_s, share))
        assert [played.readings(date) for date in DATES[:5]] == [usual.readings(date) for date in DATES[:5]]
        counts = [
            sum(is_sign_of_life(r.kind, r.fields) for date in DATES[6:] for r in household.readings(date))
            for household in (played, usual)
        ]
        left.append(counts[0] / counts[1])
        assert counts[0] > 0
    assert 0.5 * share < np.mean(left) < 1.2 * share + 0.03


def test_a_wandering_person_is_about_between_one_and_five_at_night():
    from_s, to_s = midnight_s(DATES[5]), midnight_s(DATES[15])
    usual, played = home(3), home(3, Wandering(3, 0, from_s, to_s, chance=1.0))
    strolls = [a for date in DATES for a in played.activities(date) if a.doing is Doing.WANDER]
    assert len(strolls) >= 5  # a stroll needs unbroken sleep
    for stroll in strolls:
        assert from_s <= stroll.from_s < to_s
        assert stroll.from_s % DAY / HOUR >= 1.0
        assert stroll.to_s % DAY / HOUR <= 4.3
    assert [played.readings(date) for date in DATES[:5]] == [usual.readings(date) for date in DATES[:5]]
    assert len(all_readings(played)) > len(all_readings(usual))
