"""Simulated lives as homes for the evaluation."""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from edge_agent.ports import Reading
from evaluation.homes import Home, home_of
from simulators import wallclock
from simulators.household import Household
from simulators.life import Person
from simulators.traits import draw_traits

ZONE: Final = "Asia/Tokyo"
FIRST_DAY: Final = dt.date(2026, 1, 1)
_KINDS: Final = {"entrance.door": "door"}
_KIND_OF_FIELD: Final = {"open": "item", "on": "power", "motion": "motion"}


def simulated_home(seed: int, days: int) -> Home:
    """The home of the simulated person of this seed, over so many days, in good health and with sound sensors."""
    household = Household(Person(seed, draw_traits(seed, 0), 0), ZONE)
    zone = ZoneInfo(ZONE)
    readings = (reading for day in range(days) for reading in household.readings(FIRST_DAY + dt.timedelta(days=day)))
    return home_of(f"seed {seed}", (_row(reading, zone) for reading in readings))


def _row(reading: Reading, zone: ZoneInfo) -> tuple[float, str, str, float]:
    ((field, state),) = reading.fields.items()
    kind = _KINDS.get(reading.sensor, _KIND_OF_FIELD[field])
    return wallclock.local_s(int(reading.wall_ms or 0), zone), reading.sensor, kind, float(bool(state))
