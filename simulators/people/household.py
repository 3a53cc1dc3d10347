"""A flat with its sensors and the person in it: activities become the readings that a gateway would see."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from contracts.events import Kind
from contracts.health import Sensor, SensorRole
from edge_agent.ports import Reading
from simulators.people import wallclock
from simulators.people.faults import Fault, distort, moment_ms
from simulators.people.life import Activity, Doing, Person, Place, date_of
from simulators.people.mishaps import Collapse, Mishap
from simulators.people.senses import ENTRANCE, FRIDGE, KETTLE, TELEVISION, Use, see
from simulators.people.streams import StreamPurpose, stream
from simulators.people.traits import Traits

_ONE_DAY: Final = dt.timedelta(days=1)
_PIR_HOLD_S: Final = (90.0, 180.0)
WATCHED_ROOMS: Final = (Place.LIVING, Place.KITCHEN, Place.TOILET, Place.BEDROOM)


class Condition(StrEnum):
    """How the person of a home is at a moment."""

    WELL = "well"
    ASLEEP = "asleep"
    AWAY = "away"
    COLLAPSED = "collapsed"
    HOSPITAL = "hospital"


class Household:
    """One home: a person, a flat, and what goes wrong with both.

    Args:
        person: who lives there.
        zone: IANA time zone of its wall clock.
        happenings: incidents of the person, a collapse last: it also ends a night stroll.
        faults: faults of the devices.
    """

    def __init__(
        self, person: Person, zone: str, happenings: Sequence[Mishap] = (), faults: Sequence[Fault] = ()
    ) -> None:
        self.person = person
        self.zone = ZoneInfo(zone)
        self.happenings = tuple(happenings)
        self.faults = tuple(faults)
        self.sensors = sensors_of(person.traits)
        self.pir_hold_s = float(stream(person.seed, StreamPurpose.FLAT, person.number).uniform(*_PIR_HOLD_S))

    def activities(self, date: dt.date) -> list[Activity]:
        """The person's day as it really goes, incidents included; see `Person.day` for its bounds."""
        day = self.person.day(date)
        for incident in self.happenings:
            day = incident(day)
        return day

    def readings(self, date: dt.date) -> list[Reading]:
        """What the gateway sees of that day, in order of time. An *off* may follow the day's end by some minutes."""
        movements: dict[Place, list[float]] = defaultdict(list)
        uses: dict[str, list[Use]] = defaultdict(list)
        seed, number = self.person.seed, self.person.number
        stopped_s: float | None = None
        for activity in self.activities(date):
            seen = see(activity, self.person.traits, stream(seed, StreamPurpose.MOVEMENT, number, *activity.key))
            for place, moment_s in seen.movements:
                movements[place].append(moment_s)
            for use in seen.uses:
                uses[use.sensor].append(use)
            stopped_s = stopped_s or activity.stopped_s
        readings = [reading for place in WATCHED_ROOMS for reading in self._motions(place, movements[place])]
        readings += [reading for used in uses.values() for reading in self._switchings(used, stopped_s)]
        return distort(self.faults, sorted(readings, key=moment_ms), self.span_ms(date))

    def span_ms(self, date: dt.date) -> tuple[int, int]:
        """From going to bed on the evening before ``date`` until going to bed on ``date``, ms UTC."""
        bounds = (self.person.frame(date - _ONE_DAY).bed_s, self.person.frame(date).bed_s)
        return wallclock.utc_ms(bounds[0], self.zone), wallclock.utc_ms(bounds[1], self.zone)

    def day_of(self, at_ms: int) -> dt.date:
        """The date whose span holds the moment ``at_ms``."""
        date = date_of(wallclock.local_s(at_ms, self.zone))
        from_ms, to_ms = self.span_ms(date)
        if at_ms < from_ms:
            return date - _ONE_DAY
        return date if at_ms < to_ms else date + _ONE_DAY

    def condition(self, at_ms: int) -> Condition:
        """How the person is at ``at_ms``. Whether a collapsed one was found is known only to who plays the finding."""
        now_s = wallclock.local_s(at_ms, self.zone)
        for incident in self.happenings:
            if isinstance(incident, Collapse) and incident.covers(now_s):
                return Condition.COLLAPSED
        for activity in self.activities(self.day_of(at_ms)):
            if activity.from_s <= now_s < activity.to_s:
                return _CONDITIONS.get(activity.doing, Condition.WELL)
        return Condition.WELL

    def _motions(self, place: Place, moments_s: list[float]) -> Iterable[Reading]:
        """The pulses of one motion sensor: on at the first movement, off when none came for the hold time."""
        pulses: list[list[float]] = []
        for moment_s in sorted(moments_s):
            if not pulses or moment_s > pulses[-1][1]:
                pulses.append([moment_s, moment_s])
            pulses[-1][1] = moment_s + self.pir_hold_s
        for on_s, off_s in pulses:
            yield self._reading(motion_sensor(place), True, on_s)
            yield self._reading(motion_sensor(place), False, off_s)

    def _switchings(self, uses: list[Use], stopped_s: float | None) -> Iterable[Reading]:
        free_s = float("-inf")
        for use in sorted(uses, key=lambda use: use.on_s):
            if use.on_s <= free_s:
                continue  # still open or on
            free_s = use.off_s + 1.0
            yield self._reading(use.sensor, True, use.on_s)
            if use.by_itself or stopped_s is None or use.off_s < stopped_s or use.on_s > stopped_s:
                yield self._reading(use.sensor, False, use.off_s)

    def _reading(self, sensor: str, state: bool, at_s: float) -> Reading:
        return reading(sensor, state, wallclock.utc_ms(at_s, self.zone))


_CONDITIONS: Final = {
    Doing.SLEEP: Condition.ASLEEP,
    Doing.NAP: Condition.ASLEEP,
    Doing.OUTING: Condition.AWAY,
    Doing.DAY_CARE: Condition.AWAY,
}
_FIELD: Final = {SensorRole.ENTRANCE: "open", SensorRole.OBJECT: "open", SensorRole.APPLIANCE: "on"}
_KIND: Final = {"open": Kind.CONTACT, "on": Kind.APPLIANCE, "motion": Kind.MOTION}
_ROLES: Final = {
    ENTRANCE: SensorRole.ENTRANCE,
    FRIDGE: SensorRole.OBJECT,
    KETTLE: SensorRole.APPLIANCE,
    TELEVISION: SensorRole.APPLIANCE,
}


def motion_sensor(place: Place) -> str:
    """The id of the motion sensor of a room."""
    return f"{place}.motion"


def sensors_of(traits: Traits) -> tuple[Sensor, ...]:
    """The inventory of the flat, as its gateway announces it."""
    appliance = KETTLE if traits.has_kettle else TELEVISION
    rooms = [Sensor(motion_sensor(place), SensorRole.ROOM, place) for place in WATCHED_ROOMS]
    things = [Sensor(name, _ROLES[name], name.partition(".")[0]) for name in (ENTRANCE, FRIDGE, appliance)]
    return (*rooms, *things)


def reading(sensor: str, state: bool, at_ms: int) -> Reading:
    """A reading of one of the flat's sensors: movement, open or on (``state``), or its end."""
    field = _FIELD.get(_ROLES.get(sensor, SensorRole.ROOM), "motion")
    return Reading(sensor, _KIND[field], {field: state}, wall_ms=at_ms)
