import dataclasses
import datetime as dt
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.people.life import HOUR, Doing, Person, Place
from simulators.people.traits import DRIFT_LIMIT_MIN, Traits, draw_traits

some_day = st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), number=st.integers(0, 300), date=some_day)
def test_the_same_seed_person_and_date_give_the_same_day_whoever_asks(seed, number, date):
    traits = draw_traits(seed, number)
    assert Person(seed, traits, number).day(date) == Person(seed, traits, number).day(date)


def test_the_order_in_which_days_are_asked_for_does_not_matter(person_of, dates):
    forward = [person_of(3).day(date) for date in dates]
    person = person_of(3)
    backward = [person.day(date) for date in reversed(dates)]
    assert forward == backward[::-1]


def test_persons_days_and_seeds_differ(person_of, dates):
    def times(person, date):
        return [activity.from_s % 86_400 for activity in person.day(date)]

    days = [times(person_of(1), dates[0]), times(person_of(2), dates[0]), times(person_of(1, 1), dates[0])]
    days.append(times(person_of(1), dates[1]))
    assert all(one != other for i, one in enumerate(days) for other in days[:i])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), date=some_day)
def test_a_day_has_no_gap_and_no_overlap_and_joins_the_next(seed, date):
    person = Person(seed, draw_traits(seed, 0))
    today, tomorrow = person.day(date), person.day(date + dt.timedelta(days=1))
    for earlier, later in pairwise([*today, *tomorrow]):
        assert earlier.to_s == later.from_s
        assert earlier.to_s > earlier.from_s
    assert len({activity.key for activity in today}) == len(today)


@pytest.fixture(scope="module")
def many_days():
    """Twenty persons for sixty days: lists of activities."""
    start = dt.date(2026, 1, 1)
    persons = [Person(seed, draw_traits(seed, 0)) for seed in range(20)]
    return [[person.day(start + dt.timedelta(days=number)) for number in range(60)] for person in persons]


def test_people_sleep_five_to_ten_hours_and_get_up_at_most_three_times(many_days):
    for day in (day for days in many_days for day in days):
        night_end = max(index for index, activity in enumerate(day) if activity.doing is Doing.SLEEP)
        night = day[: night_end + 1]
        assert 4.5 * HOUR < night[-1].to_s - night[0].from_s < 11 * HOUR
        assert sum(activity.doing is Doing.TOILET for activity in night) <= 3


def test_people_go_out_about_once_a_day_for_twenty_minutes_to_seven_hours(many_days):
    outside = [[a for a in day if a.place is Place.OUTSIDE] for days in many_days for day in days]
    assert 0.4 < np.mean([len(outings) for outings in outside]) < 1.5
    assert max(len(outings) for outings in outside) <= 2
    lengths_h = np.array([(a.to_s - a.from_s) / HOUR for outings in outside for a in outings])
    errands_h = np.array([(a.to_s - a.from_s) / HOUR for o in outside for a in o if a.doing is Doing.OUTING])
    assert lengths_h.max() < 7.5
    assert errands_h.max() <= 4.0 + 1e-9
    assert 0.5 < np.median(errands_h) < 1.5


def test_day_care_follows_the_weekly_plan(dates):
    person = Person(1, Traits(day_care=frozenset({1, 3}), illnesses_a_month=0.0))
    went = {date.weekday() for date in dates if any(a.doing is Doing.DAY_CARE for a in person.day(date))}
    assert went == {1, 3}


def test_an_illness_is_some_slow_days_at_home(dates):
    person = Person(1, Traits(illnesses_a_month=1.0))
    ill = [date for date in dates if person.is_ill(date)]
    assert 3 <= len(ill) <= 18
    for date in ill:
        assert all(a.speed == 0.5 and a.place is not Place.OUTSIDE for a in person.day(date))
    assert not any(Person(1, Traits(illnesses_a_month=0.0)).is_ill(date) for date in dates)


def test_drift_moves_the_rhythm_and_stops(new_year):
    still = Traits(rhythm_sd_h=0.0, illnesses_a_month=0.0)
    moving = dataclasses.replace(still, drift_min_a_week=10.0, drift_from=new_year)
    for weeks, minutes in ((0, 0.0), (3, 30.0), (60, DRIFT_LIMIT_MIN)):
        date = new_year + dt.timedelta(weeks=weeks)
        moved_s = Person(1, moving).frame(date).wake_s - Person(1, still).frame(date).wake_s
        assert moved_s == pytest.approx(minutes * 60)
    before = new_year - dt.timedelta(days=30)
    assert Person(1, moving).day(before) == Person(1, still).day(before)
