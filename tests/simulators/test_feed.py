import pytest

from contracts.events import is_sign_of_life
from simulators.fleet.feed import Feed
from simulators.people.faults import StuckContact, WifiLoss
from simulators.people.household import Condition
from simulators.town.neighbourhood import draw_neighbourhood
from simulators.town.scenario import CollapsePlot

NOON_MS = 1_767_236_400_000  # 2026-01-01 12:00 in Tokyo
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def feed():
    town = draw_neighbourhood(7, 3)
    return lambda *plots: Feed(town.homes[0], 7, list(plots), NOON_MS)


def test_small_steps_and_one_big_step_give_the_same_readings(feed):
    big, small = feed(), feed()
    stepwise = [reading for step in range(3 * 24 * 12) for reading in small.take_until(NOON_MS + step * 300_000)]
    whole = big.take_until(NOON_MS + (3 * 24 * 12 - 1) * 300_000)
    assert stepwise == whole
    assert whole == sorted(whole, key=lambda reading: reading.wall_ms)
    assert whole[0].wall_ms >= NOON_MS


def test_the_next_moment_is_that_of_the_next_reading(feed):
    home, now_ms = feed(), NOON_MS
    for _ in range(400):
        next_ms = home.next_ms(NOON_MS + 30 * DAY_MS)
        assert home.take_until(next_ms - 1) == []
        taken = home.take_until(next_ms)
        assert taken
        assert taken[0].wall_ms == next_ms >= now_ms
        now_ms = next_ms


def test_whoever_enters_a_well_home_is_seen_and_leaves(feed):
    home = feed()
    home.take_until(NOON_MS)
    assert home.visit(NOON_MS + 1_000) in (Condition.WELL, Condition.AWAY, Condition.ASLEEP)
    door = [r for r in home.take_until(NOON_MS + HOUR_MS) if r.sensor == "entrance.door"]
    assert door[0].wall_ms == NOON_MS + 1_000
    assert door[0].fields["open"]


def test_a_collapsed_person_is_found_fetched_and_gone(feed):
    home = feed(CollapsePlot(NOON_MS + 10))
    home.take_until(NOON_MS + 5 * HOUR_MS)
    assert home.condition(NOON_MS + 5 * HOUR_MS) is Condition.COLLAPSED
    assert home.visit(NOON_MS + 5 * HOUR_MS) is Condition.COLLAPSED
    seen = [r for r in home.take_until(NOON_MS + 6 * HOUR_MS) if is_sign_of_life(r.kind, r.fields)]
    assert sum(r.sensor == "entrance.door" for r in seen) >= 3  # the neighbour, the crew in, the crew out
    assert home.condition(NOON_MS + 6 * HOUR_MS) is Condition.HOSPITAL
    assert home.take_until(NOON_MS + 9 * DAY_MS) == []
    assert home.visit(NOON_MS + 9 * DAY_MS + 1) is Condition.HOSPITAL
    assert len(home.take_until(NOON_MS + 13 * DAY_MS)) > 100  # home again


def test_a_person_nobody_finds_stays_silent(feed):
    home = feed(CollapsePlot(NOON_MS + 10))
    home.take_until(NOON_MS + HOUR_MS)
    assert home.next_ms(NOON_MS + 40 * DAY_MS) == NOON_MS + 40 * DAY_MS
    assert home.condition(NOON_MS + 40 * DAY_MS) is Condition.COLLAPSED


def test_a_broken_sensor_does_not_see_the_visitor_either(feed):
    home = feed(StuckContact("entrance.door", NOON_MS + 5))
    home.take_until(NOON_MS + 10)
    home.visit(NOON_MS + HOUR_MS)
    assert not [r for r in home.take_until(NOON_MS + 2 * HOUR_MS) if r.sensor == "entrance.door"]


def test_an_outage_says_when_it_ends(feed):
    home = feed(WifiLoss(NOON_MS + 5, NOON_MS + 50))
    assert [home.offline_until_ms(NOON_MS + at) for at in (4, 5, 49, 50)] == [None, NOON_MS + 50, NOON_MS + 50, None]
