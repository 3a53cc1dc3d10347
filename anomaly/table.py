"""The deadline table: what one night's learning leaves for the day, small enough to send anywhere."""

import struct
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from anomaly.occupancy import BUSY, CONTEXTS, DOOR, HALF_HOURS, QUIET
from anomaly.packing import UnreadableState

MAX_BUSY_SENSORS: Final = 64
"""Of a home with more, the most active are listed; the others count as quiet, which waits longer."""
MAX_PLACES: Final = 12
MAX_PLACE_BYTES: Final = 40
_MINUTE_S: Final = 60.0
NO_PLACE: Final = 255
_MAGIC: Final = b"MDT1"
_HEAD: Final = struct.Struct("<4sBBBHfffffI")


@dataclass(frozen=True, slots=True)
class Attained:
    """What the budgets came to on the home's own past, while it was being watched.

    Attributes:
        days: days with events that the figures are from.
        asks_per_30_days: silences that outlasted the ask deadline then in force, a 30 days. None: nothing to tell yet.
        calls_per_30_days: the same of the call deadline.
    """

    days: float = 0.0
    asks_per_30_days: float | None = None
    calls_per_30_days: float | None = None


@dataclass(frozen=True, slots=True)
class SilenceEvidence:
    """What a sentence about a silence needs. Lengths in whole minutes.

    Attributes:
        usual_min: uint16 [contexts, half-hours], three in four pauses that begin then are over by this
            length; at most `ask_s`.
        longest_min: uint16 [half-hours], longest silence of the last 30 days that began within an hour of it; 0: none.
        place: uint8 [half-hours], index into `places` of what is usually seen next; 255: nothing stands out.
        places: sensor ids, at most `MAX_PLACES`, each cut at `MAX_PLACE_BYTES`.
        weekdays: where weekdays differ, those that are like the day of the table, a bit each (Monday is 1, Tuesday 2,
            …); what is said of half-hours by day is of these. 0: all weekdays are alike.
    """

    usual_min: NDArray[np.uint16]
    longest_min: NDArray[np.uint16]
    place: NDArray[np.uint8]
    places: tuple[str, ...] = ()
    weekdays: int = 0


def no_evidence() -> SilenceEvidence:
    """Evidence of a home of which nothing is known yet."""
    return SilenceEvidence(
        np.zeros((CONTEXTS, HALF_HOURS), np.uint16),
        np.zeros(HALF_HOURS, np.uint16),
        np.full(HALF_HOURS, NO_PLACE, np.uint8),
    )


@dataclass(frozen=True, slots=True, eq=False)
class DeadlineTable:
    """When a silence becomes a question, and when a call, by the context and half-hour in which it began.

    Attributes:
        ask_s: float32 [contexts, half-hours], seconds after the last sign of life; whole minutes, >= 30 min.
        call_s: float32 of the same shape, never before `ask_s`.
        ready: whether the home's own rhythm is known. False: the population and the caps watch.
        days: days with events learned from.
        ask_every_days: the budget that `ask_s` was made for.
        call_every_days: the budget that `call_s` was made for.
        busy: checksums of the sensors whose context is BUSY.
        attained: what the budgets came to so far.
        evidence: what the sentences need.
    """

    ask_s: NDArray[np.float32]
    call_s: NDArray[np.float32]
    ready: bool
    days: int
    ask_every_days: float
    call_every_days: float
    busy: frozenset[int] = frozenset()
    attained: Attained = field(default_factory=Attained)
    evidence: SilenceEvidence = field(default_factory=no_evidence)

    def context_of(self, sensor: str, kind: str) -> int:
        """The context that a sign of life of this sensor leaves: 0 door, 1 quiet room, 2 busy room.

        A sensor that the table does not know counts as quiet, which waits longest of the rooms.
        """
        if kind == "door":
            return DOOR
        return BUSY if checksum(sensor, kind) in self.busy else QUIET

    def to_bytes(self) -> bytes:
        """The table as at most 2 KB; `from_bytes` gives back exactly the same."""
        attained, evidence = self.attained, self.evidence
        head = _HEAD.pack(
            _MAGIC,
            self.ready,
            len(self.busy),
            len(evidence.places),
            min(self.days, 0xFFFF),
            self.ask_every_days,
            self.call_every_days,
            attained.days,
            _number(attained.asks_per_30_days),
            _number(attained.calls_per_30_days),
            evidence.weekdays,
        )
        names = b"".join(bytes([len(text)]) + text for text in (place.encode() for place in evidence.places))
        return b"".join(
            [
                head,
                _minutes(self.ask_s).tobytes(),
                _minutes(self.call_s).tobytes(),
                evidence.usual_min.astype("<u2").tobytes(),
                evidence.longest_min.astype("<u2").tobytes(),
                evidence.place.tobytes(),
                np.array(sorted(self.busy), "<u4").tobytes(),
                names,
            ]
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "DeadlineTable":
        """The table that `to_bytes` wrote.

        Raises:
            UnreadableState: another version, or bytes are missing.
        """
        try:
            return _read(cls, data)
        except (struct.error, ValueError, IndexError) as error:
            if isinstance(error, UnreadableState):
                raise
            raise UnreadableState("the deadline table is cut short or damaged") from None


def checksum(sensor: str, kind: str) -> int:
    """What stands for a sensor in `DeadlineTable.busy`."""
    return zlib.crc32(f"{kind}/{sensor}".encode())


def place_name(sensor: str) -> str:
    """A sensor id cut to what a table has room for, never inside a character."""
    return sensor.encode()[:MAX_PLACE_BYTES].decode(errors="ignore")


def whole_minutes(seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Seconds rounded up to whole minutes, as a table holds them."""
    return (np.ceil(seconds / _MINUTE_S) * _MINUTE_S).astype(np.float32)


def _minutes(seconds: NDArray[np.float32]) -> NDArray[np.uint16]:
    minutes: NDArray[np.uint16] = np.rint(seconds / _MINUTE_S).astype("<u2")
    return minutes


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _maybe(value: float) -> float | None:
    return None if np.isnan(value) else value


def _read(cls: type[DeadlineTable], data: bytes) -> DeadlineTable:
    magic, ready, n_busy, n_places, days, ask_every, call_every, seen, asks, calls, weekdays = _HEAD.unpack_from(data)
    if magic != _MAGIC:
        raise UnreadableState(f"expected a deadline table of version {_MAGIC!r}, found {magic!r}")
    reader = _Reader(data, _HEAD.size)
    slots = (CONTEXTS, HALF_HOURS)
    ask_min, call_min, usual = (reader.array("<u2", CONTEXTS * HALF_HOURS).reshape(slots) for _ in range(3))
    longest = reader.array("<u2", HALF_HOURS)
    place = reader.array("u1", HALF_HOURS)
    busy = frozenset(reader.array("<u4", n_busy).tolist())
    places = tuple(reader.text() for _ in range(n_places))
    return cls(
        ask_s=(ask_min * _MINUTE_S).astype(np.float32),
        call_s=(call_min * _MINUTE_S).astype(np.float32),
        ready=bool(ready),
        days=days,
        ask_every_days=ask_every,
        call_every_days=call_every,
        busy=busy,
        attained=Attained(seen, _maybe(asks), _maybe(calls)),
        evidence=SilenceEvidence(
            usual.astype(np.uint16), longest.astype(np.uint16), place.astype(np.uint8), places, weekdays
        ),
    )


class _Reader:
    def __init__(self, data: bytes, offset: int) -> None:
        self._data, self._offset = data, offset

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self._data, dtype, count, self._offset)
        self._offset += found.nbytes
        return found

    def text(self) -> str:
        size = self._data[self._offset]
        start = self._offset + 1
        self._offset = start + size
        return self._data[start : self._offset].decode()
