"""The deadline table: what one night's learning leaves for the day, small enough to send anywhere."""

import zlib
from dataclasses import astuple, dataclass
from typing import Final

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
_FIXED: Final = np.dtype(
    [
        ("magic", "S4"),
        ("ready", "u1"),
        ("busy", "u1"),
        ("places", "u1"),
        ("days", "<u2"),
        ("ask_every_days", "<f4"),
        ("call_every_days", "<f4"),
        ("attained", "<f4", 3),
        ("weekdays", "<u4"),
        ("ask_min", "<u2", (CONTEXTS, HALF_HOURS)),
        ("call_min", "<u2", (CONTEXTS, HALF_HOURS)),
        ("usual_min", "<u2", (CONTEXTS, HALF_HOURS)),
        ("longest_min", "<u2", HALF_HOURS),
        ("place", "u1", HALF_HOURS),
    ]
)
"""The bytes of a table, up to the checksums of the busy sensors and the names of places; a figure not known is NaN."""


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
    busy: frozenset[int]
    attained: Attained
    evidence: SilenceEvidence

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
        fixed = (
            _MAGIC,
            self.ready,
            len(self.busy),
            len(evidence.places),
            min(self.days, 0xFFFF),
            self.ask_every_days,
            self.call_every_days,
            [np.nan if value is None else value for value in astuple(attained)],
            evidence.weekdays,
            np.rint(self.ask_s / _MINUTE_S),
            np.rint(self.call_s / _MINUTE_S),
            evidence.usual_min,
            evidence.longest_min,
            evidence.place,
        )
        names = b"".join(bytes([len(text)]) + text for text in (place.encode() for place in evidence.places))
        return np.array(fixed, _FIXED).tobytes() + np.array(sorted(self.busy), "<u4").tobytes() + names

    @classmethod
    def from_bytes(cls, data: bytes) -> "DeadlineTable":
        """The table that `to_bytes` wrote.

        Raises:
            UnreadableState: another version, or bytes are missing.
        """
        try:
            return _read(data)
        except UnreadableState:
            raise
        except (ValueError, IndexError):
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


def _read(data: bytes) -> DeadlineTable:
    if data[:4] != _MAGIC:
        raise UnreadableState(f"expected a deadline table of version {_MAGIC!r}, found {data[:4]!r}")
    row = np.frombuffer(data, _FIXED, 1)[0]
    busy = np.frombuffer(data, "<u4", int(row["busy"]), _FIXED.itemsize)
    days, *alerts = row["attained"].tolist()
    places, at = [], _FIXED.itemsize + busy.nbytes
    for _ in range(row["places"]):
        end = at + 1 + data[at]
        places.append(data[at + 1 : end].decode())
        at = end
    return DeadlineTable(
        ask_s=(row["ask_min"] * _MINUTE_S).astype(np.float32),
        call_s=(row["call_min"] * _MINUTE_S).astype(np.float32),
        ready=bool(row["ready"]),
        days=int(row["days"]),
        ask_every_days=float(row["ask_every_days"]),
        call_every_days=float(row["call_every_days"]),
        busy=frozenset(busy.tolist()),
        attained=Attained(days, *(None if np.isnan(value) else value for value in alerts)),
        evidence=SilenceEvidence(
            row["usual_min"], row["longest_min"], row["place"], tuple(places), int(row["weekdays"])
        ),
    )
