"""What one simulated person is like: habits that stay, from which every day is drawn."""

import datetime as dt
from dataclasses import dataclass

from simulators.people.streams import StreamPurpose, stream


@dataclass(frozen=True, slots=True)
class Traits:
    """Habits of a person. Hours are decimal hours of the home's wall clock, ``_sd_h`` standard deviations in hours.

    Attributes:
        wake_h: usual hour of getting up.
        bed_h: usual hour of going to bed; above 24 for after midnight.
        rhythm_sd_h: how far wake and bed times scatter.
        toilets_a_night: mean number of visits by night (never more than 3).
        rest_gap_min: median minutes between two movements while resting in the living room.
        outings_a_day: mean number of outings on a day without day care (never more than 2).
        outing_h: usual hour of the main outing.
        day_care: weekdays spent at a day-care centre, Monday is 0.
        nap_chance: probability of a nap after lunch.
        visits_a_week: mean number of visitors in a week.
        illnesses_a_month: mean number of illnesses of a few days in 30 days.
        drift_min_a_week: by how much the whole rhythm moves later in a week; negative for earlier.
        drift_from: the day the drift begins; None for no drift. It ends at `DRIFT_LIMIT_MIN`.
        has_kettle: whether the metered appliance is a kettle; else a television.
    """

    wake_h: float = 6.3
    bed_h: float = 21.8
    rhythm_sd_h: float = 0.3
    toilets_a_night: float = 0.7
    rest_gap_min: float = 11.0
    outings_a_day: float = 0.9
    outing_h: float = 10.0
    day_care: frozenset[int] = frozenset()
    nap_chance: float = 0.4
    visits_a_week: float = 1.0
    illnesses_a_month: float = 0.15
    drift_min_a_week: float = 0.0
    drift_from: dt.date | None = None
    has_kettle: bool = True


DRIFT_LIMIT_MIN = 120.0
"""A drifting rhythm stops here: nobody ends up living by night."""


def draw_traits(seed: int, number: int) -> Traits:
    """The traits of person ``number`` of the run ``seed``. One in three goes to day care; drift is left out."""
    rng = stream(seed, StreamPurpose.TRAITS, number)
    wake_h = rng.uniform(5.3, 7.0)
    goes = rng.random() < 1 / 3
    weekdays = rng.choice(6, size=int(rng.integers(1, 4)), replace=False)
    return Traits(
        wake_h=wake_h,
        bed_h=wake_h + 24 - rng.uniform(7.2, 8.6),
        rhythm_sd_h=rng.uniform(0.15, 0.45),
        toilets_a_night=rng.uniform(0.2, 1.4),
        rest_gap_min=rng.uniform(9.0, 14.0),
        outings_a_day=rng.uniform(0.4, 1.4),
        outing_h=float(rng.choice([9.5, 10.0, 14.0, 15.5])),
        day_care=frozenset(int(day) for day in weekdays) if goes else frozenset(),
        nap_chance=rng.uniform(0.1, 0.7),
        visits_a_week=rng.uniform(0.3, 2.0),
        illnesses_a_month=rng.uniform(0.0, 0.25),
        has_kettle=bool(rng.random() < 0.6),
    )
