"""Flat power, power left on, and counters."""

import numpy as np
import pytest

from anomaly import PowerReader
from anomaly.power.counter import EnergyCounter
from anomaly.power.learning import PULSE
from anomaly.power.signals import flat_power, left_on

DAY_S = 86_400.0
FIRST_S = 1_767_225_600.0


def history(*rows: tuple[float, float]) -> np.ndarray:
    return np.array([(FIRST_S, size_w, duration_s, 0) for size_w, duration_s in rows], PULSE)


def test_power_that_stays_the_same_far_longer_than_ever_is_flat_with_evidence():
    found = flat_power(FIRST_S, FIRST_S + 5 * 3600, usual_longest_s=2 * 3600, watts=73)
    assert (found.lasted_s, found.usual_longest_s, found.watts) == (5 * 3600, 2 * 3600, 73)
    assert found.reason.ja == "電力が5.0時間、約73Wのまま変わりません(この4週間でいちばん長くて2.0時間)。"


@pytest.mark.parametrize(("lasted_h", "usual_h"), [(2.9, 0.5), (5, 3.5)])
def test_power_that_stays_the_same_as_long_as_usual_is_not_flat(lasted_h, usual_h):
    assert flat_power(FIRST_S, FIRST_S + lasted_h * 3600, usual_h * 3600, 73) is None


def test_a_heater_on_far_longer_than_anything_like_it_is_left_on_with_evidence():
    past = history((1500, 1200), (1400, 2400), (90, 30_000))
    found = left_on(FIRST_S, 1500, FIRST_S + 3 * 3600, base_w=100, level_w=1600, history=past)
    assert (found.lasted_s, found.usual_longest_s) == (3 * 3600, 2400)
    assert "約1500W" in found.reason.ja
    assert "1,500 W" in found.reason.en


@pytest.mark.parametrize(
    ("size_w", "lasted_s", "level_w"),
    [(400, 10_000, 500), (1500, 1800, 1600), (1500, 10_000, 700), (1500, 3600, 1600)],
    ids=["small", "short", "off again", "as usual"],
)
def test_what_is_small_short_or_usual_is_not_left_on(size_w, lasted_s, level_w):
    past = history((1500, 3000), (400, 3000))
    assert left_on(FIRST_S, size_w, FIRST_S + lasted_s, 100, level_w, past) is None


def test_a_reader_notices_a_frozen_meter_and_a_heater_left_on():
    day = 60 + 110.0 * (np.arange(1440) % 45 < 18)
    for start in range(8 * 60, 21 * 60, 120):
        day[start : start + 4] += 2000
    reader = PowerReader()
    for index, watts in enumerate(np.tile(day, 16).tolist()):
        reader.observe(FIRST_S + index * 60, watts)
    assert (reader.flat(), reader.left_on()) == (None, [])
    for minute in range(150):
        reader.observe(FIRST_S + 16 * DAY_S + minute * 60, day[minute] + (1500 if minute > 9 else 0))
    [on] = reader.left_on()
    assert on.since_s == FIRST_S + 16 * DAY_S + 600
    for minute in range(150, 150 + 600):
        reader.observe(FIRST_S + 16 * DAY_S + minute * 60, 70.0)
    assert reader.left_on() == []
    assert reader.flat().watts == 70.0
    assert PowerReader.from_bytes(reader.to_bytes()).flat() == reader.flat()


def test_a_reader_that_is_learning_neither_calls_power_flat_nor_left_on():
    reader = PowerReader()
    for minute in range(1000):
        reader.observe(FIRST_S + minute * 60, 2000.0 if minute > 10 else 50.0)
    assert (reader.flat(), reader.left_on()) == (None, [])


def test_a_counter_gives_the_mean_power_since_the_last_minute():
    counter = EnergyCounter()
    assert counter.observe(FIRST_S, 100.0) is None
    assert counter.observe(FIRST_S + 20, 100.01) is None
    assert counter.observe(FIRST_S + 60, 100.02) == pytest.approx(1200)
    assert counter.observe(FIRST_S + 1860, 100.17) == pytest.approx(300)


@pytest.mark.parametrize(
    ("later_s", "kwh"),
    [(60, 3.0), (3 * 3600, 101.0), (-60, 100.5), (60, 900.0)],
    ids=["reset", "outage", "back", "leap"],
)
def test_a_counter_that_began_anew_or_was_not_heard_gives_nothing_once(later_s, kwh):
    counter = EnergyCounter()
    counter.observe(FIRST_S, 100.0)
    assert counter.observe(FIRST_S + later_s, kwh) is None
    assert counter.observe(FIRST_S + later_s + 60, kwh + 0.01) == pytest.approx(600)


@pytest.mark.parametrize("kwh", [-1.0, float("nan"), float("inf")])
def test_a_counter_that_is_no_number_is_refused(kwh):
    with pytest.raises(ValueError, match="kwh must be"):
        EnergyCounter().observe(FIRST_S, kwh)
