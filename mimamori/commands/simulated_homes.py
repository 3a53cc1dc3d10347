"""Simulated lives for the evaluation, which knows recordings only: parts on one floor do not import each other."""

import datetime as dt
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Final

from anomaly import NoteKind
from contracts.health import SensorRole
from evaluation.homes import RecordedHome, home_of
from evaluation.notes.changes import INDOORS, LATER, UNREST_NIGHTS, Episode, Event
from ingest.intake.meaning import learner_input
from simulators.people.household import Household
from simulators.people.life import Person, date_of, midnight_s
from simulators.people.mishaps import Decline, Mishap, Wandering
from simulators.people.traits import draw_traits
from simulators.people.wallclock import local_s

ZONE: Final = "Asia/Tokyo"
FIRST_DAY: Final = dt.date(2026, 1, 1)
_DAY_S: Final = 86_400.0


def simulated_home(seed: int, days: int) -> RecordedHome:
    """The home of the simulated person of this seed, over so many days, in good health and with sound sensors."""
    from_s = midnight_s(FIRST_DAY)
    return home_of(f"seed {seed}", simulated_life(seed, from_s, from_s + days * _DAY_S))


def simulated_life(seed: int, from_s: float, to_s: float, episode: Episode | None = None) -> list[Event]:
    """The signs of life of one simulated home, as its rhythm is told of them.

    Args:
        seed: of the person; the same one lives the same life.
        from_s: first moment, seconds on the wall clock of the home.
        to_s: end, on the same clock.
        episode: what the person does otherwise; None: nothing.

    Raises:
        ValueError: the episode is nothing that a person does.
    """
    days = range(date_of(from_s).toordinal() - 1, date_of(to_s).toordinal() + 2)
    found = chain.from_iterable(_day(seed, episode, ordinal) for ordinal in days)
    return sorted(event for event in found if from_s <= event[0] < to_s)


@lru_cache(maxsize=400)
def _day(seed: int, episode: Episode | None, ordinal: int) -> tuple[Event, ...]:
    """The signs of life of one day; kept, for a life is looked at again and again from another moment."""
    household = _household(seed, episode)
    roles: dict[str, SensorRole] = {sensor.id: sensor.role for sensor in household.sensors}
    found: list[Event] = []
    for reading in household.readings(dt.date.fromordinal(ordinal)):
        word = learner_input(reading.kind, roles.get(reading.sensor), reading.fields)
        if word is not None and word[1] and reading.wall_ms is not None:
            found.append((local_s(reading.wall_ms, household.zone), reading.sensor, *word))
    return tuple(found)


@lru_cache(maxsize=4)
def _household(seed: int, episode: Episode | None) -> Household:
    traits = draw_traits(seed, 0)
    if episode is not None and episode.manner == LATER:
        traits = replace(traits, drift_from=date_of(episode.from_s), drift_min_a_week=episode.amount)
    return Household(Person(seed, traits, 0), ZONE, _incidents(seed, episode))


def _incidents(seed: int, episode: Episode | None) -> list[Mishap]:
    if episode is None or episode.manner == LATER:
        return []
    if episode.kind is NoteKind.DECLINE or episode.manner == INDOORS:
        return [Decline(episode.from_s, episode.amount)]
    if episode.kind is NoteKind.UNREST:
        return [Wandering(seed, 0, episode.from_s, episode.from_s + UNREST_NIGHTS * _DAY_S, chance=1.0)]
    raise ValueError(f"{episode.kind} {episode.manner} is a matter of what the sensors hear, not of the person's life")
