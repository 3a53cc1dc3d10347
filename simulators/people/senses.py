"""What the sensors of a flat see of an activity: movements, doors, appliances. Before hold-off times and faults."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import compress
from typing import Final

from numpy.random import Generator

from simulators.people.life import MINUTE, Activity, Doing, Place
from simulators.people.traits import Traits

ENTRANCE: Final = "entrance.door"
FRIDGE: Final = "kitchen.fridge"
KETTLE: Final = "kitchen.kettle"
TELEVISION: Final = "living.tv"


@dataclass(frozen=True, slots=True)
class Use:
    """Something opened or switched on, and its end.

    Attributes:
        sensor: sensor id.
        on_s: begin; off_s: end, seconds since 1970 on the wall clock.
        by_itself: it ends without a person: a door closer, a kettle that boils.
    """

    sensor: str
    on_s: float
    off_s: float
    by_itself: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What could be seen of a stretch of life: movements by place, and uses of things."""

    movements: list[tuple[Place, float]]
    uses: list[Use]


_GAPS: Final = {  # between two movements: median minutes, spread of its logarithm, longest
    Doing.MEAL: (4.0, 0.6, 15.0),
    Doing.TEA: (1.5, 0.5, 5.0),
    Doing.HOUSEWORK: (3.5, 0.7, 15.0),
    Doing.DRESS: (2.0, 0.6, 8.0),
    Doing.VISITOR: (4.0, 0.8, 20.0),
    Doing.WANDER: (2.0, 0.7, 8.0),
    Doing.COME_HOME: (1.0, 0.5, 3.0),
}
_REST_SPREAD, _REST_LONGEST_MIN = 0.95, 130.0
_ROAMING: Final = {
    Doing.HOUSEWORK: (Place.KITCHEN, Place.LIVING, Place.BEDROOM),
    Doing.WANDER: (Place.LIVING, Place.KITCHEN, Place.BEDROOM),
}


def see(activity: Activity, traits: Traits, rng: Generator) -> Seen:
    """What the sensors could see of an activity.

    Everything is drawn for the whole activity and cut afterwards, so that a collapse in the middle of it changes
    nothing of what came before.

    Args:
        activity: the activity.
        traits: habits of the person.
        rng: the activity's own stream.
    """
    movements, uses = _movements(activity, traits, rng), _uses(activity, traits, rng)
    keep = rng.random(len(movements) + len(uses)) < activity.share
    kept_movements, kept_uses = compress(movements, keep), compress(uses, keep[len(movements) :])
    end_s = activity.to_s if activity.stopped_s is None else activity.stopped_s
    return Seen(
        [movement for movement in kept_movements if movement[1] < end_s],
        [use for use in kept_uses if use.on_s < end_s],
    )


def _movements(activity: Activity, traits: Traits, rng: Generator) -> list[tuple[Place, float]]:
    match activity.doing:
        case Doing.OUTING | Doing.DAY_CARE | Doing.BATH:
            return []
        case Doing.SLEEP | Doing.NAP:  # the sensor does not look at the bed
            return [(Place.BEDROOM, activity.from_s + rng.uniform(5, 60))]
        case Doing.TOILET:
            return [(Place.TOILET, activity.from_s), (Place.TOILET, activity.to_s - 15)]
        case _:
            return _roam(activity, traits, rng)


def _roam(activity: Activity, traits: Traits, rng: Generator) -> list[tuple[Place, float]]:
    rest = (traits.rest_gap_min, _REST_SPREAD, _REST_LONGEST_MIN)
    median_min, spread, longest_min = _GAPS.get(activity.doing, rest)
    places = _ROAMING.get(activity.doing, (activity.place,))
    movements, now_s = [], activity.from_s + 2.0
    while now_s < activity.to_s:
        movements.append((places[int(rng.integers(len(places)))], now_s))
        gap_min = min(longest_min, median_min * float(rng.lognormal(0.0, spread)) / activity.speed)
        now_s += max(5.0, gap_min * MINUTE)
    return movements


def _uses(activity: Activity, traits: Traits, rng: Generator) -> list[Use]:
    uses = _USES.get(activity.doing)
    return list(uses(activity, traits, rng)) if uses else []


def _out_and_back(activity: Activity, _traits: Traits, rng: Generator) -> Iterable[Use]:
    yield _door(activity.from_s, rng)
    yield _door(activity.to_s - 25.0, rng)


def _come_home(activity: Activity, _traits: Traits, rng: Generator) -> Iterable[Use]:
    yield _door(activity.from_s, rng)


def _kitchen(activity: Activity, traits: Traits, rng: Generator) -> Iterable[Use]:
    length_s = activity.to_s - activity.from_s
    openings = 1 + int(rng.poisson(1.2)) if activity.doing is Doing.MEAL else int(rng.random() < 0.4)
    for moment in sorted(rng.uniform(0.05, 0.8, size=openings).tolist()):
        on_s = activity.from_s + moment * length_s
        yield Use(FRIDGE, on_s, on_s + rng.uniform(6, 25), by_itself=False)
    if traits.has_kettle and rng.random() < 0.85:
        on_s = activity.from_s + rng.uniform(20, 70)
        yield Use(KETTLE, on_s, on_s + rng.uniform(2.5, 5.0) * MINUTE, by_itself=True)


def _television(activity: Activity, traits: Traits, rng: Generator) -> Iterable[Use]:
    long_enough = activity.to_s - activity.from_s > 20 * MINUTE
    if not traits.has_kettle and long_enough and activity.place is Place.LIVING and rng.random() < 0.5:
        yield Use(TELEVISION, activity.from_s + rng.uniform(20, 180), activity.to_s - 5.0, by_itself=False)


def _wander(activity: Activity, _traits: Traits, rng: Generator) -> Iterable[Use]:
    middle_s = (activity.from_s + activity.to_s) / 2
    if rng.random() < 0.4:
        yield _door(middle_s, rng)
    if rng.random() < 0.3:
        yield Use(FRIDGE, middle_s + 90.0, middle_s + 110.0, by_itself=False)


def _door(on_s: float, rng: Generator) -> Use:
    return Use(ENTRANCE, on_s, on_s + rng.uniform(5, 14), by_itself=True)


_USES: Final[dict[Doing, Callable[[Activity, Traits, Generator], Iterable[Use]]]] = {
    Doing.OUTING: _out_and_back,
    Doing.DAY_CARE: _out_and_back,
    Doing.VISITOR: _out_and_back,  # the visitor comes through the same door
    Doing.COME_HOME: _come_home,
    Doing.MEAL: _kitchen,
    Doing.TEA: _kitchen,
    Doing.REST: _television,
    Doing.WANDER: _wander,
}
