"""What a home's meters say of the person: readings in, signs of life out. Pure.

The state of a meter is a function of the readings that are stored, in the order of time: who feeds the same readings
gets the same signs, however they came in.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from anomaly import Note, NoteKind, PowerReader
from anomaly.packing import from_plain, pack, restoring, to_plain, unpack
from anomaly.power.counter import EnergyCounter
from anomaly.power.signals import FlatPower, LeftOn
from contracts.events import Kind
from contracts.health import SensorRole
from ingest.homes.localtime import local_s, utc_ms

MeterKey = tuple[str, str]
"""``(sensor, kind)``: a meter that tells watts and kilowatt-hours is read twice, each for itself."""

READING_KINDS: Final = frozenset({Kind.POWER, Kind.ENERGY})
_SEES_NOBODY: Final = frozenset({SensorRole.METER, SensorRole.BUTTON})
_MAGIC: Final = b"MMT1"


def is_reading(kind: str, role: str | None) -> bool:
    """Whether an event of this kind, of a sensor with this role, is a reading of the home's meter."""
    return role == SensorRole.METER and kind in READING_KINDS


def watches_alone(roles: Mapping[str, str]) -> bool:
    """Whether a meter is all that this home has to see the person by."""
    return SensorRole.METER in roles.values() and _SEES_NOBODY.issuperset(roles.values())


class Meter:
    """One kind of reading of one meter.

    Attributes:
        newest_ms: the newest reading taken in, ms UTC; -1 before the first.
    """

    def __init__(self) -> None:
        self._reader = PowerReader()
        self._counter = EnergyCounter()
        self.newest_ms = -1

    @property
    def trustworthy(self) -> bool | None:
        """Whether its signs may stand for the person; None while learning."""
        return self._reader.trustworthy

    def take(self, zone: str, t_ms: int, kind: str, fields: Mapping[str, Any]) -> list[int]:
        """Take in one reading, ignored unless newer than the last; the moments (ms UTC) of the signs found by it."""
        if t_ms <= self.newest_ms:
            return []
        self.newest_ms = t_ms
        wall_s = local_s(zone, t_ms)
        watts = fields["w"] if kind == Kind.POWER else self._counter.observe(wall_s, fields["kwh"])
        if watts is None:
            return []
        return [min(utc_ms(zone, at_s, t_ms), t_ms) for at_s, _ in self._reader.observe(wall_s, watts)]

    def shows(self) -> list[tuple[NoteKind, FlatPower | LeftOn]]:
        """What is unusual about the power now, besides signs of life; empty while learning."""
        flat = self._reader.flat()
        left_on = [(NoteKind.POWER_LEFT_ON, found) for found in self._reader.left_on()]
        return [*left_on, *([(NoteKind.POWER_FLAT, flat)] if flat else [])]

    def to_bytes(self) -> bytes:
        """The whole state; `from_bytes` goes on exactly where this one is."""
        header = {"newest_ms": self.newest_ms, "counter": to_plain(self._counter)}
        return pack(_MAGIC, header, {"reader": np.frombuffer(self._reader.to_bytes(), np.uint8)})

    @classmethod
    def from_bytes(cls, data: bytes) -> "Meter":
        """The meter that `to_bytes` wrote. Raises UnreadableState: another version, or damaged."""
        header, arrays = unpack(_MAGIC, data)
        meter = cls()
        with restoring("meter"):
            meter.newest_ms = header["newest_ms"]
            meter._counter = from_plain(EnergyCounter, header["counter"])
            meter._reader = PowerReader.from_bytes(arrays["reader"].tobytes())
        return meter


class HomeMeters:
    """All the meters of one home.

    Args:
        zone: of the home.
        roles: of its sensors. A meter that is alone gives signs from the second day on, because without them nobody
            would watch at all; beside other sensors it does once it has shown that it can tell.
        states: of the meters so far, as `states` gave them.

    Raises:
        UnreadableState: a state is of another version, or damaged.
    """

    def __init__(self, zone: str, roles: Mapping[str, str], states: Mapping[MeterKey, bytes] | None = None) -> None:
        self._zone, self._roles = zone, roles
        self._alone = watches_alone(roles)
        self._meters = {key: Meter.from_bytes(state) for key, state in (states or {}).items()}

    def take(self, t_ms: int, sensor: str, kind: str, fields: Mapping[str, Any]) -> list[int]:
        """Take in one reading; the moments (ms UTC) of the signs of life found by it that count."""
        meter = self._meters.get((sensor, kind))
        if meter is None:
            meter = self._meters[sensor, kind] = Meter()
        found = meter.take(self._zone, t_ms, kind, fields)
        counts = self._alone if meter.trustworthy is None else meter.trustworthy
        return found if counts else []

    def newest_of(self, key: MeterKey) -> int:
        """The newest reading of one meter, ms UTC; -1 before the first."""
        meter = self._meters.get(key)
        return -1 if meter is None else meter.newest_ms

    def newest_ms(self) -> int:
        """The newest reading of any meter, ms UTC; -1 before the first."""
        return max((meter.newest_ms for meter in self._meters.values()), default=-1)

    def is_for(self, zone: str, roles: Mapping[str, str]) -> bool:
        """Whether it was made for this zone and these roles."""
        return self._zone == zone and self._roles == roles

    def can_tell(self) -> bool:
        """Whether the home can be watched: by other sensors, or by a meter that has shown that it can tell."""
        return not self._alone or any(meter.trustworthy for meter in self._meters.values())

    def cannot_tell(self) -> frozenset[str]:
        """The sensors that have shown that they cannot tell a person from the machines."""
        trusted = _by_sensor(self._meters.items(), True)
        return frozenset(_by_sensor(self._meters.items(), False) - trusted)

    def notes(self, at_s: float, seen_since_ms: int) -> list[Note]:
        """What the meters show at ``at_s`` (seconds on the wall clock) besides signs of life.

        A meter that was not seen since ``seen_since_ms`` shows nothing: nobody knows whether it is still on. One
        that tells watts and kilowatt-hours is asked for its watts.
        """
        by_sensor = {key[0]: meter for key, meter in sorted(self._meters.items()) if meter.newest_ms >= seen_since_ms}
        return [
            Note(kind, found.since_s, at_s, found.score, found.reason, found)
            for meter in by_sensor.values()
            for kind, found in meter.shows()
        ]

    def states(self) -> dict[MeterKey, bytes]:
        """The state of every meter."""
        return {key: meter.to_bytes() for key, meter in self._meters.items()}


def _by_sensor(meters: Iterable[tuple[MeterKey, Meter]], trustworthy: bool) -> set[str]:
    return {sensor for (sensor, _), meter in meters if meter.trustworthy is trustworthy}
