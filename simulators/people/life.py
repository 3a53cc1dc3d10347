"""A seeded person and the days of their life. Pure: a day asked for twice, or in another order, is the same day.

A day runs from going to bed the evening before to going to bed on its own date, so that days join without a gap.
Times are seconds since 1970 on the home's wall clock (``…_s``), as in the rhythm.
"""

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from numpy.random import Generator

from simulators.people.streams import StreamPurpose, stream
from simulators.people.traits import DRIFT_LIMIT_MIN, Traits

HOUR: Final = 3600.0
MINUTE: Final = 60.0
DAY: Final = 86_400.0
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_ILLNESS_BLOCK: Final = 30


class Place(StrEnum):
    """Where an activity happens. The bath has no sensor."""

    LIVING = "living"
    KITCHEN = "kitchen"
    TOILET = "toilet"
    BEDROOM = "bedroom"
    BATH = "bath"
    OUTSIDE = "outside"


class Doing(StrEnum):
    """What somebody does."""

    SLEEP = "sleep"
    TOILET = "toilet"
    DRESS = "dress"
    MEAL = "meal"
    TEA = "tea"
    HOUSEWORK = "chores"
    REST = "rest"
    NAP = "nap"
    BATH = "bath"
    OUTING = "outing"
    DAY_CARE = "day_care"
    VISITOR = "visitor"
    WANDER = "wander"
    COME_HOME = "come_home"


@dataclass(frozen=True, slots=True)
class Activity:
    """A stretch of life.

    Attributes:
        doing: what is done; place: where.
        from_s: begin; to_s: end, both seconds since 1970 on the home's wall clock.
        key: ``(day ordinal, index)``, names the random stream of what the sensors see of it.
        speed: how lively, 1 usual; 0.5 moves half as often.
        share: how much of its movement really happens; below 1 in a decline.
        stopped_s: the person collapsed here: nothing of it happens from this moment on. None: it ran its course.
    """

    doing: Doing
    place: Place
    from_s: float
    to_s: float
    key: tuple[int, int] = (0, 0)
    speed: float = 1.0
    share: float = 1.0
    stopped_s: float | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """The bounds of a day: when it began to be day for this person, when it ended, and whether they were ill."""

    wake_s: float
    bed_s: float
    ill: bool


@dataclass(frozen=True, slots=True)
class _Wish:
    doing: Doing
    place: Place
    start_s: float
    length_s: float


def midnight_s(date: dt.date) -> float:
    """The date's first second on the wall clock."""
    return (date.toordinal() - _EPOCH) * DAY


def date_of(local_s: float) -> dt.date:
    """The date of a moment on the wall clock."""
    return dt.date.fromordinal(_EPOCH + int(local_s // DAY))


class Person:
    """One seeded person.

    Args:
        seed: seed of the run.
        traits: the person's habits.
        number: which person of the run; two numbers live independent lives.
    """

    def __init__(self, seed: int, traits: Traits, number: int = 0) -> None:
        self.seed = seed
        self.traits = traits
        self.number = number

    def day(self, date: dt.date) -> list[Activity]:
        """What the person does from going to bed on the evening before ``date`` to going to bed on ``date``."""
        frame = self.frame(date)
        to_bed_s = self.frame(date - dt.timedelta(days=1)).bed_s
        night = _night(self._stream(StreamPurpose.NIGHT, date), self.traits, to_bed_s, frame.wake_s)
        daytime = self._daytime(date, frame)
        pace = 0.5 if frame.ill else 1.0
        return [
            replace(activity, key=(date.toordinal(), index), speed=pace)
            for index, activity in enumerate([*night, *daytime])
        ]

    def frame(self, date: dt.date) -> Frame:
        """When the person gets up on ``date``, and when they go to bed (perhaps after midnight)."""
        rng, traits = self._stream(StreamPurpose.FRAME, date), self.traits
        scatter = rng.normal(0.0, traits.rhythm_sd_h, size=2).clip(-2.5 * traits.rhythm_sd_h, 2.5 * traits.rhythm_sd_h)
        ill = self.is_ill(date)
        slow_h = 0.8 if ill else 0.0
        start_s = midnight_s(date) + self._drift_s(date)
        return Frame(
            wake_s=start_s + (traits.wake_h + slow_h + scatter[0]) * HOUR,
            bed_s=start_s + (traits.bed_h - slow_h + scatter[1]) * HOUR,
            ill=ill,
        )

    def is_ill(self, date: dt.date) -> bool:
        """Whether ``date`` lies in an illness: three to six slow days at home."""
        block = date.toordinal() // _ILLNESS_BLOCK
        return any(self._illness_covers(number, date.toordinal()) for number in (block - 1, block))

    def _illness_covers(self, block: int, ordinal: int) -> bool:
        rng = stream(self.seed, StreamPurpose.ILLNESS, self.number, block)
        happens = rng.random() < self.traits.illnesses_a_month
        begin = block * _ILLNESS_BLOCK + int(rng.integers(_ILLNESS_BLOCK))
        return happens and begin <= ordinal < begin + int(rng.integers(3, 7))

    def _drift_s(self, date: dt.date) -> float:
        if self.traits.drift_from is None:
            return 0.0
        weeks = max(0, (date - self.traits.drift_from).days) / 7
        minutes = self.traits.drift_min_a_week * weeks
        return max(-DRIFT_LIMIT_MIN, min(DRIFT_LIMIT_MIN, minutes)) * MINUTE

    def _daytime(self, date: dt.date, frame: Frame) -> list[Activity]:
        rng = self._stream(StreamPurpose.DAYTIME, date)
        start_s = midnight_s(date) + self._drift_s(date)
        wishes = [*_morning(rng, frame), *_meals_and_tea(rng, start_s), *_evening(rng, frame, start_s)]
        if frame.ill:
            wishes.append(_Wish(Doing.NAP, Place.BEDROOM, start_s + 13.5 * HOUR, rng.uniform(1.0, 1.8) * HOUR))
        else:
            wishes += _well_day(rng, self.traits, date.weekday(), start_s)
        return _weave(rng, frame, wishes)

    def _stream(self, purpose: StreamPurpose, date: dt.date) -> Generator:
        return stream(self.seed, purpose, self.number, date.toordinal())


def _night(rng: Generator, traits: Traits, bed_s: float, wake_s: float) -> list[Activity]:
    """Sleep, broken by up to three visits to the toilet."""
    count = min(3, int(rng.poisson(traits.toilets_a_night)))
    visits = sorted(rng.uniform(bed_s + 1.5 * HOUR, wake_s - 1.0 * HOUR, size=count).tolist())
    night, asleep_s = [], bed_s
    for visit_s in visits:
        if visit_s - asleep_s < 40 * MINUTE:
            continue
        back_s = visit_s + rng.uniform(3, 7) * MINUTE
        night.append(Activity(Doing.SLEEP, Place.BEDROOM, asleep_s, visit_s))
        night.append(Activity(Doing.TOILET, Place.TOILET, visit_s, back_s))
        asleep_s = back_s
    night.append(Activity(Doing.SLEEP, Place.BEDROOM, asleep_s, wake_s))
    return night


def _morning(rng: Generator, frame: Frame) -> list[_Wish]:
    wake_s = frame.wake_s
    return [
        _Wish(Doing.TOILET, Place.TOILET, wake_s, rng.uniform(3, 7) * MINUTE),
        _Wish(Doing.DRESS, Place.BEDROOM, wake_s + 7 * MINUTE, rng.uniform(5, 12) * MINUTE),
        _Wish(Doing.MEAL, Place.KITCHEN, wake_s + 20 * MINUTE, rng.uniform(18, 35) * MINUTE),
        _Wish(Doing.HOUSEWORK, Place.LIVING, wake_s + rng.uniform(1.2, 2.2) * HOUR, rng.uniform(15, 45) * MINUTE),
    ]


def _meals_and_tea(rng: Generator, start_s: float) -> list[_Wish]:
    lunch_h, dinner_h = 12.1 + rng.normal(0, 0.25), 18.1 + rng.normal(0, 0.3)
    wishes = [
        _Wish(Doing.MEAL, Place.KITCHEN, start_s + lunch_h * HOUR, rng.uniform(20, 40) * MINUTE),
        _Wish(Doing.MEAL, Place.KITCHEN, start_s + dinner_h * HOUR, rng.uniform(25, 50) * MINUTE),
    ]
    for tea_h in (10.2, 15.1):
        if rng.random() < 0.75:
            at_s = start_s + (tea_h + rng.normal(0, 0.3)) * HOUR
            wishes.append(_Wish(Doing.TEA, Place.KITCHEN, at_s, rng.uniform(3, 8) * MINUTE))
    return wishes


def _evening(rng: Generator, frame: Frame, start_s: float) -> list[_Wish]:
    wishes = [_Wish(Doing.TOILET, Place.TOILET, frame.bed_s - 12 * MINUTE, rng.uniform(4, 9) * MINUTE)]
    if rng.random() < 0.8 and not frame.ill:
        at_s = start_s + (19.6 + rng.normal(0, 0.3)) * HOUR
        wishes.append(_Wish(Doing.BATH, Place.BATH, at_s, rng.uniform(15, 35) * MINUTE))
    return wishes


def _well_day(rng: Generator, traits: Traits, weekday: int, start_s: float) -> list[_Wish]:
    """Nap, visitor and going out, as somebody who is well does."""
    wishes = []
    if rng.random() < traits.nap_chance:
        at_s = start_s + (13.3 + rng.normal(0, 0.25)) * HOUR
        wishes.append(_Wish(Doing.NAP, Place.BEDROOM, at_s, rng.uniform(30, 80) * MINUTE))
    if rng.random() < traits.visits_a_week / 7:
        wishes.append(
            _Wish(Doing.VISITOR, Place.LIVING, start_s + rng.uniform(13.5, 16.5) * HOUR, rng.uniform(30, 90) * MINUTE)
        )
    if weekday in traits.day_care and rng.random() < 0.95:
        at_s = start_s + (9.0 + rng.normal(0, 0.12)) * HOUR
        return [*wishes, _Wish(Doing.DAY_CARE, Place.OUTSIDE, at_s, rng.uniform(6.4, 7.2) * HOUR)]
    return wishes + _outings(rng, traits, start_s)


def _outings(rng: Generator, traits: Traits, start_s: float) -> list[_Wish]:
    """None to two outings: mostly a walk or an errand, now and then half a day with friends; 20 minutes to 4 hours."""
    wishes = []
    for nth in range(min(2, int(rng.poisson(traits.outings_a_day)))):
        hour = traits.outing_h if nth == 0 else (15.5 if traits.outing_h < 12 else 10.0)
        length_h = min(4.0, max(1 / 3, rng.lognormal(-0.15, 0.6)))
        at_s = start_s + (hour + rng.normal(0, 0.5)) * HOUR
        wishes.append(_Wish(Doing.OUTING, Place.OUTSIDE, at_s, length_h * HOUR))
    return wishes


def _weave(rng: Generator, frame: Frame, wishes: list[_Wish]) -> list[Activity]:
    """Put the wishes one after the other between waking and bed, with rest and toilet visits in between."""
    day = _Day(frame.wake_s, frame.bed_s, Place.BEDROOM if frame.ill else Place.LIVING)
    toilet_s = frame.wake_s + rng.uniform(1.8, 3.2) * HOUR
    for wish in sorted(wishes, key=lambda wish: wish.start_s):
        if wish.start_s < day.now_s - HOUR and wish.doing is not Doing.TOILET:
            continue  # too late for it today: lunch was eaten out, the tea was forgotten
        while toilet_s < wish.start_s:
            day.do(_Wish(Doing.TOILET, Place.TOILET, toilet_s, rng.uniform(3, 7) * MINUTE))
            toilet_s = max(toilet_s, day.now_s) + rng.uniform(1.8, 3.4) * HOUR
        day.do(wish)
    day.rest_until(frame.bed_s)
    return day.activities


class _Day:
    """The daytime as it fills up: what is done follows what was done, and rest fills the gaps."""

    def __init__(self, wake_s: float, bed_s: float, rest_at: Place) -> None:
        self.now_s, self.bed_s, self.rest_at = wake_s, bed_s, rest_at
        self.activities: list[Activity] = []

    def do(self, wish: _Wish) -> None:
        begin_s = max(self.now_s, wish.start_s)
        end_s = min(begin_s + wish.length_s, self.bed_s)
        if end_s - begin_s < MINUTE:
            return
        self.rest_until(begin_s)
        self.activities.append(Activity(wish.doing, wish.place, begin_s, end_s))
        self.now_s = end_s

    def rest_until(self, until_s: float) -> None:
        if until_s > self.now_s:
            self.activities.append(Activity(Doing.REST, self.rest_at, self.now_s, until_s))
            self.now_s = until_s
