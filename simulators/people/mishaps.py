"""What can go wrong in a life, as pure changes of a day's activities.

Everything that happens before the incident stays exactly as it was, so that a life with and without it can be compared.
Times are seconds since 1970 on the home's wall clock.
"""

from dataclasses import dataclass, replace

from simulators.people.life import HOUR, MINUTE, Activity, Doing, Place, date_of, midnight_s
from simulators.people.streams import StreamPurpose, stream

_NIGHT_STROLL, _BACK_ASLEEP, _COMING_HOME = 900, 901, 902
"""Indices of activities that an incident adds; a day's own stay far below."""
_LEFT_OUT_IN_DECLINE = frozenset({Doing.OUTING, Doing.DAY_CARE, Doing.VISITOR, Doing.HOUSEWORK, Doing.BATH})


@dataclass(frozen=True, slots=True)
class Collapse:
    """The person collapses and does nothing more until they come home from hospital.

    Attributes:
        at_s: when.
        back_s: when they are home again; None: not in this story (nobody has found them, or it is still to come).
    """

    at_s: float
    back_s: float | None = None

    def __call__(self, day: list[Activity]) -> list[Activity]:
        """The day with the collapse in it."""
        before = [self._stopped(activity) for activity in day if activity.from_s < self.at_s]
        if self.back_s is None:
            return before
        after = [activity for activity in day if activity.from_s >= self.back_s]
        if day and day[0].from_s <= self.back_s < day[-1].to_s:
            key = (date_of(self.back_s).toordinal(), _COMING_HOME)
            home = Activity(Doing.COME_HOME, Place.LIVING, self.back_s, self.back_s + 5 * MINUTE, key)
            after.insert(0, home)
        return before + after

    def covers(self, now_s: float) -> bool:
        """Whether the person lies there, or is in hospital, at ``now_s``."""
        return self.at_s <= now_s and (self.back_s is None or now_s < self.back_s)

    def _stopped(self, activity: Activity) -> Activity:
        return replace(activity, stopped_s=self.at_s) if activity.to_s > self.at_s else activity


@dataclass(frozen=True, slots=True)
class Decline:
    """Life goes on, far below the usual: no going out, no chores, and only a share of the movements.

    Attributes:
        from_s: when it begins.
        share: how much of the movement is left, above 0 and at most 1; 0.1 to 0.3 for a person in trouble.
    """

    from_s: float
    share: float

    def __call__(self, day: list[Activity]) -> list[Activity]:
        """The day as far as the person still lives it."""
        return [self._less(activity) for activity in day if not self._given_up(activity)]

    def _given_up(self, activity: Activity) -> bool:
        return activity.from_s >= self.from_s and activity.doing in _LEFT_OUT_IN_DECLINE

    def _less(self, activity: Activity) -> Activity:
        return replace(activity, share=self.share) if activity.from_s >= self.from_s else activity


@dataclass(frozen=True, slots=True)
class Wandering:
    """Up and about at night between 1 and 4 o'clock, through the rooms and sometimes to the entrance.

    Attributes:
        seed: seed of the run.
        person: number of the person.
        from_s: first moment; to_s: last moment of the nights concerned.
        chance: probability that a night has one.
    """

    seed: int
    person: int
    from_s: float
    to_s: float
    chance: float = 0.8

    def __call__(self, day: list[Activity]) -> list[Activity]:
        """The day with a stroll in the sleep of its night, if there is one."""
        asleep = [activity for activity in day if activity.doing is Doing.SLEEP]
        if not asleep:
            return day
        date = date_of(asleep[-1].to_s)  # the morning
        rng = stream(self.seed, StreamPurpose.WANDERING, self.person, date.toordinal())
        happens = rng.random() < self.chance
        begin_s = midnight_s(date) + rng.uniform(1.0, 3.3) * HOUR
        stroll = (begin_s, begin_s + rng.uniform(20, 60) * MINUTE)
        if not happens or not self.from_s <= begin_s < self.to_s:
            return day
        return [part for activity in day for part in _split(activity, stroll)]


Mishap = Collapse | Decline | Wandering


def _split(activity: Activity, stroll: tuple[float, float]) -> list[Activity]:
    from_s, to_s = stroll
    if activity.doing is not Doing.SLEEP or not activity.from_s < from_s < to_s < activity.to_s:
        return [activity]
    ordinal = activity.key[0]
    return [
        replace(activity, to_s=from_s),
        Activity(Doing.WANDER, Place.LIVING, from_s, to_s, (ordinal, _NIGHT_STROLL), activity.speed),
        replace(activity, from_s=to_s, key=(ordinal, _BACK_ASLEEP)),
    ]
