"""Signs of life from a meter, on made lives whose truth is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anomaly import PowerReader, UnreadableState
from anomaly.power.steps import Pulses

DAY_S = 86_400.0
FIRST_S = 1_767_225_600.0  # 2026-01-01 00:00 on the wall clock
MINUTES = 1440
Load = Callable[[int], np.ndarray]


def pulses(days: int, at_min: np.ndarray, watts: float, minutes: int) -> np.ndarray:
    load = np.zeros(days * MINUTES)
    for start in at_min:
        load[int(start) : int(start) + minutes] += watts
    return load


def fridge(days: int) -> np.ndarray:
    return 60 + pulses(days, np.arange(0, days * MINUTES, 45), 110, 18)


def kettle_moments(days: int, seed: int = 1, a_day: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.sort((np.arange(days)[:, None] * MINUTES + rng.uniform(7 * 60, 22 * 60, (days, a_day))).ravel()).astype(
        int
    )


def air_conditioner(days: int, watts: float = 1000) -> np.ndarray:
    rng = np.random.default_rng(5)
    at, starts = 0.0, []
    while at < days * MINUTES:
        starts.append(at)
        at += rng.uniform(20, 35)
    return pulses(days, np.array(starts), watts, 11)


def hear(reader: PowerReader, watts: np.ndarray, first_s: float = FIRST_S, every_s: float = 60.0):
    signs = []
    for index, watt in enumerate(watts.tolist()):
        signs += reader.observe(first_s + index * every_s, watt)
    return signs


def share_found(moments_s: np.ndarray, signs) -> float:
    at_s = np.array([sign_s for sign_s, _ in signs])
    return float(np.mean([np.abs(at_s - moment_s).min() <= 120 for moment_s in moments_s]))


@pytest.fixture(scope="module")
def month() -> np.ndarray:
    """28 days of a fridge and six kettles a day."""
    return fridge(28) + pulses(28, kettle_moments(28), 2000, 3)


@pytest.fixture(scope="module")
def learned(month) -> bytes:
    reader = PowerReader()
    hear(reader, month)
    return reader.to_bytes()


def test_a_persons_kettle_is_a_sign_of_life_and_the_fridge_is_none(month):
    signs = hear(PowerReader(), month)
    moments_s = FIRST_S + kettle_moments(28) * 60.0
    assert share_found(moments_s[moments_s >= FIRST_S + 3 * DAY_S], signs) > 0.95
    assert len(signs) <= len(moments_s)


def test_it_is_learning_for_two_weeks_and_then_it_can_tell(month):
    reader = PowerReader()
    hear(reader, month[: 13 * MINUTES])
    assert reader.trustworthy is None
    assert "13" in reader.verdict.reason.ja
    hear(reader, month[13 * MINUTES : 16 * MINUTES], FIRST_S + 13 * DAY_S)
    assert reader.trustworthy is True


def test_a_home_with_air_conditioning_by_day_and_night_cannot_tell_and_says_why(month):
    reader = PowerReader()
    hear(reader, month + air_conditioner(28))
    assert reader.trustworthy is False
    assert "エアコン" in reader.verdict.reason.ja
    assert reader.verdict.night_ratio > 0.25


def test_air_conditioning_that_begins_in_summer_is_noticed_within_three_days(learned, month):
    reader = PowerReader.from_bytes(learned)
    assert reader.trustworthy is True
    hear(reader, (month + air_conditioner(28))[: 4 * MINUTES], FIRST_S + 28 * DAY_S)
    assert reader.trustworthy is False


def test_a_home_whose_air_conditioning_has_stopped_is_trusted_again_in_time(learned, month):
    reader, days = PowerReader.from_bytes(learned), []
    cooled = month.copy()
    cooled[: 5 * MINUTES] += air_conditioner(28)[: 5 * MINUTES]
    for day in range(56):
        hear(reader, (cooled if day < 28 else month)[day % 28 * MINUTES :][:MINUTES], FIRST_S + (28 + day) * DAY_S)
        days.append(reader.trustworthy)
    back = days.index(True, 6)
    assert days[5] is False
    assert 6 < back <= 40
    assert all(days[back:])


def test_an_empty_home_gives_no_signs(learned):
    signs = hear(PowerReader.from_bytes(learned), fridge(14), FIRST_S + 28 * DAY_S)
    assert signs == []


def test_a_defrost_heater_by_day_and_night_is_no_sign(month):
    """It comes too seldom to be seen in a row, so only the nights give it away."""
    heater = pulses(28, np.arange(37, 28 * MINUTES, 200), 700, 12)
    signs = hear(PowerReader(), month + heater)
    real = FIRST_S + kettle_moments(28) * 60.0
    late = [s for s, _ in signs if s > FIRST_S + 7 * DAY_S]
    assert len(late) > 100
    assert sum(np.abs(real - s).min() > 120 for s in late) <= 0.02 * len(late)


def test_a_timer_at_the_same_minute_every_day_is_no_sign(month):
    boiler = pulses(28, np.arange(28) * MINUTES + 17 * 60, 1300, 40)
    signs = hear(PowerReader(), month + boiler)
    late = [s for s, _ in signs if s > FIRST_S + 10 * DAY_S and abs(s % DAY_S - 17 * 3600) <= 60]
    real = FIRST_S + kettle_moments(28) * 60.0
    assert sum(np.abs(real - s).min() > 120 for s in late) == 0


def test_a_machine_that_cycles_after_it_was_switched_on_does_not_keep_giving_signs(learned):
    """An oven left on by somebody who fell must not stand for a living person."""
    oven = fridge(1) + pulses(1, np.arange(10 * 60, 22 * 60, 8), 2000, 3)
    signs = hear(PowerReader.from_bytes(learned), oven, FIRST_S + 28 * DAY_S)
    assert 1 <= len(signs) <= 3


def test_a_meter_read_each_half_hour_says_that_it_cannot_tell(month):
    reader = PowerReader()
    hear(reader, month.reshape(-1, 30).mean(axis=1), every_s=1800.0)
    assert reader.trustworthy is False
    assert reader.verdict.doubt == "coarse"


def test_a_home_that_hardly_uses_anything_cannot_tell_and_is_not_blamed_on_machines():
    reader = PowerReader()
    hear(reader, fridge(20))
    assert reader.trustworthy is False
    assert reader.verdict.doubt == "few"


@pytest.mark.parametrize("every_s", [10.0, 30.0])
def test_readings_faster_than_a_minute_give_the_same_signs(month, every_s):
    few = month[: 5 * MINUTES]
    again = np.repeat(few, int(60 / every_s))
    assert hear(PowerReader(), again, every_s=every_s) == hear(PowerReader(), few)


def test_no_step_is_read_across_an_outage(learned):
    reader = PowerReader.from_bytes(learned)
    begin_s = FIRST_S + 28 * DAY_S + 10 * 3600
    hear(reader, np.full(30, 60.0), begin_s)
    signs = hear(reader, np.r_[np.full(3, 2060.0), np.full(30, 60.0)], begin_s + 3600)
    assert signs == []


def test_what_was_on_before_an_outage_is_forgotten():
    pulses = Pulses()
    for minute, watts in enumerate([60.0, 60.0, 2060.0, 2060.0]):
        pulses.add(minute * 60.0, watts)
    assert [pulse.size_w for pulse in pulses.open] == [2000.0]
    assert pulses.add(7200.0, 60.0) == (None, [])
    assert pulses.open == []


def test_pulses_on_top_of_each_other_keep_their_own_sizes_and_durations():
    pulses, ended = Pulses(), []
    levels = [60.0] * 3 + [1560.0] * 10 + [3560.0] * 3 + [1560.0] * 7 + [60.0] * 2
    for minute, watts in enumerate(levels):
        ended += pulses.add(minute * 60.0, watts)[1]
    assert [(pulse.size_w, duration_s / 60) for pulse, duration_s in ended] == [(2000.0, 3), (1500.0, 20)]


def test_a_switch_within_a_minute_is_one_pulse_of_its_full_size():
    pulses, ended = Pulses(), []
    for minute, watts in enumerate([60.0, 60.0, 960.0, 2060.0, 2060.0, 560.0, 60.0]):
        ended += pulses.add(minute * 60.0, watts)[1]
    assert [(pulse.on_s, pulse.size_w) for pulse, _ in ended] == [(120.0, 2000.0)]


def test_a_sign_says_when_and_how_much_and_names_no_appliance(learned):
    reader = PowerReader.from_bytes(learned)
    begin_s = FIRST_S + 28 * DAY_S + 10 * 3600 + 12 * 60
    watts = np.r_[np.full(30, 60.0), np.full(3, 2060.0), np.full(5, 60.0)]
    [(at_s, reason)] = hear(reader, watts, begin_s)
    assert at_s == begin_s + 30 * 60
    assert reason.ja == "10:42に約2000Wの電気の使い始めがありました。"
    assert reason.en == "Something drawing about 2,000 W was switched on at 10:42."


@settings(max_examples=15, deadline=None)
@given(cut=st.integers(1, 3 * MINUTES - 1))
def test_a_reader_that_was_restarted_goes_on_exactly_where_it_was(learned, month, cut):
    few = (month + air_conditioner(28))[: 3 * MINUTES]
    first_s = FIRST_S + 28 * DAY_S
    through = PowerReader.from_bytes(learned)
    restarted = PowerReader.from_bytes(learned)
    heard = hear(restarted, few[:cut], first_s)
    restarted = PowerReader.from_bytes(restarted.to_bytes())
    heard += hear(restarted, few[cut:], first_s + cut * 60)
    assert heard == hear(through, few, first_s)
    assert restarted.to_bytes() == through.to_bytes()


@settings(max_examples=30, deadline=None)
@given(
    readings=st.lists(
        st.tuples(st.floats(-8000, 1e6), st.floats(-5000, 20_000)),
        max_size=60,
    )
)
def test_whatever_the_clock_and_the_meter_do_a_sign_is_never_in_the_future(learned, readings):
    reader, now_s = PowerReader.from_bytes(learned), FIRST_S + 28 * DAY_S
    for step_s, watts in readings:
        now_s += step_s
        assert all(sign_s <= now_s for sign_s, _ in reader.observe(now_s, watts))


def test_the_hour_that_comes_twice_in_autumn_is_read_once(learned):
    reader = PowerReader.from_bytes(learned)
    begin_s = FIRST_S + 28 * DAY_S + 10 * 3600
    hear(reader, np.full(120, 60.0), begin_s)
    assert hear(reader, np.r_[np.full(10, 60.0), np.full(3, 2060.0), np.full(30, 60.0)], begin_s + 3600) == []


def test_a_clock_that_was_a_year_ahead_does_not_silence_the_meter(learned, month):
    reader = PowerReader.from_bytes(learned)
    reader.observe(FIRST_S + 400 * DAY_S, 60.0)
    assert len(hear(reader, month[: 2 * MINUTES], FIRST_S + 29 * DAY_S)) >= 6


@pytest.mark.parametrize(
    ("local_s", "watts"), [(-1.0, 60.0), (math.nan, 60.0), (FIRST_S, math.nan), (FIRST_S, math.inf)]
)
def test_a_reading_that_is_none_is_refused(local_s, watts):
    with pytest.raises(ValueError, match="must be"):
        PowerReader().observe(local_s, watts)


@pytest.mark.parametrize("cut", [3, 40, -1])
def test_a_damaged_state_is_refused(learned, cut):
    with pytest.raises(UnreadableState):
        PowerReader.from_bytes(learned[:cut])


def test_a_state_keeps_only_four_weeks(learned, month):
    reader = PowerReader.from_bytes(learned)
    hear(reader, month, FIRST_S + 28 * DAY_S)
    assert len(reader.to_bytes()) < 1.1 * len(learned)
