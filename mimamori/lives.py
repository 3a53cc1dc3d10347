"""Simulated lives for the evaluation, which knows recordings only: parts on one floor do not import each other."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from contracts.health import SensorRole
from evaluation.decline import Event
from evaluation.homes import Home, home_of
from ingest.meaning import learner_word
from simulators.household import Household
from simulators.incidents import Decline
from simulators.life import Person, date_of, midnight_s
from simulators.traits import draw_traits
from simulators.wallclock import local_s

ZONE: Final = "Asia/Tokyo"
FIRST_DAY: Final = dt.date(2026, 1, 1)
_DAY_S: Final = 86_400.0


def simulated_home(seed: int, days: int) -> Home:
    """The home of the simulated person of this seed, over so many days, in good health and with sound sensors."""
    from_s = midnight_s(FIRST_DAY)
    return home_of(f"seed {seed}", simulated_life(seed, from_s, from_s + days * _DAY_S))


def simulated_life(seed: int, from_s: float, to_s: float, decline: tuple[float, float] | None = None) -> list[Event]:
    """The signs of life of one simulated home, as its rhythm is told of them.

    Args:
        seed: of the person; the same one lives the same life.
        from_s: first moment, seconds on the wall clock of the home.
        to_s: end, on the same clock.
        decline: from when on (seconds on the wall clock), and the share of the movement that is left; None: none.
    """
    person = Person(seed, draw_traits(seed, 0), 0)
    household = Household(person, ZONE, [Decline(*decline)] if decline else [])
    zone = ZoneInfo(ZONE)
    roles: dict[str, SensorRole] = {sensor.id: sensor.role for sensor in household.sensors}
    found: list[Event] = []
    for ordinal in range(date_of(from_s).toordinal() - 1, date_of(to_s).toordinal() + 2):
        for reading in household.readings(dt.date.fromordinal(ordinal)):
            word = learner_word(reading.kind, roles.get(reading.sensor), reading.fields)
            if word is not None and word[1] and reading.wall_ms is not None:
                found.append((local_s(reading.wall_ms, zone), reading.sensor, *word))
    return sorted(event for event in found if from_s <= event[0] < to_s)
