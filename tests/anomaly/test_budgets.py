"""From a budget to a threshold, and how a budget follows what was asked lately."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly import RhythmSettings
from anomaly.deadlines import ANSWER_S, capped, unusualness
from anomaly.occupancy import BUSY, DOOR, QUIET, half_hours
from anomaly.patience import LEAST_STRETCH, MOST_STRETCH, PastAsks, adjusted_budget
from anomaly.survival import LENGTHS_S, Silences
from anomaly.thresholds import ExponentialTail, Ranks, rank_silences
from anomaly.usual_length import by_the_clock

USUAL = ExponentialTail(1.5, 1.25)
RANKS = Ranks(16, 80)
NO_ASKS = np.empty(0)
WATCHED = np.arange(60.0)


def asked(nights_since: list[float], lived: bool = True) -> PastAsks:
    return PastAsks(np.array(nights_since, float), np.full(len(nights_since), lived), WATCHED)


def test_a_threshold_is_exceeded_about_as_rarely_as_asked_for():
    scores = np.random.default_rng(1).exponential(1.0, 2000)  # twenty a day over a hundred days
    known = rank_silences(scores, np.ones(2000), 100.0, USUAL, RANKS)
    for every_days in (2.0, 10.0, 50.0):
        exceeded_a_day = 20 * np.exp(-known.exceeded_every(every_days))
        assert 0.4 / every_days < exceeded_a_day < 1.6 / every_days


def test_a_rarer_budget_never_gives_a_lower_threshold():
    scores = np.random.default_rng(2).gamma(2.0, 1.0, 500)
    known = rank_silences(scores, np.ones(500), 40.0, USUAL, RANKS)
    found = [known.exceeded_every(days) for days in (1, 3, 7, 30, 90, 365, 3000)]
    assert all(rarer >= other for other, rarer in itertools.pairwise(found))


def test_with_too_little_past_the_population_stands_alone():
    known = rank_silences(np.ones(20), np.ones(20), 3.0, USUAL, RANKS)
    assert known.exceeded_every(30) == USUAL.exceeded_every(30)


def test_one_outlier_does_not_move_the_threshold_much():
    scores = np.random.default_rng(3).exponential(1.0, 1000)
    one = np.append(scores, 40.0)
    without, with_it = (rank_silences(s, np.ones(len(s)), 60.0, USUAL, RANKS).exceeded_every(30) for s in (scores, one))
    assert with_it < 1.2 * without


def test_after_an_ask_the_next_nights_are_more_patient_and_then_no_longer():
    calm = adjusted_budget(90.0, asked([]))
    after = [adjusted_budget(90.0, asked([nights])) for nights in (0, 3, 10)]
    assert after[0] > 2 * calm
    assert after[0] > after[1] > after[2] > calm


def test_asks_while_away_are_forgotten_in_days_and_asks_in_daily_life_in_weeks():
    at_home, away = adjusted_budget(7.0, asked([20.0] * 8)), adjusted_budget(7.0, asked([20.0] * 8, lived=False))
    assert at_home > 1.2 * away


@given(st.lists(st.floats(0, 300), max_size=50), st.floats(1, 365))
@settings(max_examples=50, deadline=None)
def test_a_budget_is_stretched_within_bounds_only(nights, every_days):
    found = adjusted_budget(every_days, asked(nights))
    assert LEAST_STRETCH * every_days <= found <= MOST_STRETCH * every_days


def test_no_stretch_passes_the_caps():
    wait = np.full((3, 48), 1e9)
    limits = RhythmSettings()
    assert capped(wait, limits)[QUIET].max() == limits.home_cap_s
    assert capped(wait, limits, ANSWER_S)[DOOR].max() == limits.away_cap_s - ANSWER_S


@given(st.lists(st.floats(0.1, 5.0), min_size=64, max_size=64))
@settings(max_examples=30, deadline=None)
def test_a_silence_never_becomes_less_unusual_by_going_on(hazards):
    share = np.exp(-np.cumsum(hazards) * np.diff(np.log(LENGTHS_S), prepend=np.log(500)))
    assert (np.diff(unusualness(share[None])[0]) >= 0).all()


def test_unusualness_is_the_best_exchange_rate_still_on_offer():
    share = np.exp(-LENGTHS_S / 5400)
    found = unusualness(share[None])[0]
    cost = (LENGTHS_S / 3600) ** 1.5
    k = 30
    rates = [(share[:j, None] - share[None, j:]) / (cost[None, j:] - cost[:j, None]) for j in (k + 1,)]
    assert found[k] == pytest.approx(-np.log(rates[0][k].max()))


def test_the_limit_of_length_follows_the_clock_of_the_home():
    rng = np.random.default_rng(4)
    day_s = (rng.random(3000) * 12 + 8) * 3600
    start_s = np.append(day_s, np.full(60, 23 * 3600.0))
    length_s = np.append(600 + rng.exponential(900, 3000), rng.normal(7 * 3600, 1800, 60))
    silences = Silences.of(half_hours(start_s), length_s, np.full(3060, BUSY, np.int8), np.ones(3060))
    shape = by_the_clock(silences, 60.0)[0]
    assert np.exp(np.log(shape).mean()) == pytest.approx(1)
    assert shape[46] > 2 * shape[24]
