"""Simulated lives for the evaluation, which knows recordings only: parts on one floor do not import each other."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from contracts.health import SensorRole
from evaluation.decline import Event
from ingest.meaning import learner_word
from simulators.household import Household
from simulators.incidents import Decline
from simulators.life import Person, date_of
from simulators.traits import draw_traits
from simulators.wallclock import local_s

ZONE: Final = "Asia/Tokyo"


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
