"""The time-series port: raw events of homes, by time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


class TimeSeriesError(RuntimeError):
    """The time series cannot be written or read now: take nothing of the call as stored. Trying again is safe."""


@dataclass(frozen=True, slots=True)
class Point:
    """One stored event.

    Attributes:
        gateway: whose.
        ts_ns: ``contracts.envelope.timestamp_ns``: ms of the event in ns, plus its number modulo a million.
        sensor: sensor id.
        kind: kind of event.
        fields: the event's ``x`` as compact JSON text.
        epoch: outbox file of the event; n: its number there. ``(gateway, epoch, n)`` identifies the event.
        quality: clock quality 0 to 2.
        backfilled: made while disconnected.
    """

    gateway: str
    ts_ns: int
    sensor: str
    kind: str
    fields: str
    epoch: str
    n: int
    quality: int
    backfilled: bool

    @property
    def t_ms(self) -> int:
        """Wall clock of the event, ms UTC."""
        return self.ts_ns // 1_000_000


class TimeSeries(Protocol):
    """Raw events by gateway and time. Every method may be called from several threads, and raises TimeSeriesError."""

    def write(self, points: Sequence[Point]) -> None:
        """Store the points durably before returning. Writing a point again changes nothing: no second copy appears."""
        ...

    def read(self, gateway: str, start_ns: int, end_ns: int) -> Iterable[Point]:
        """The points of one gateway with ``start_ns <= ts_ns < end_ns``, in ascending ``(ts_ns, sensor, n)``."""
        ...

    def count(self, gateway: str | None = None) -> int:
        """How many points are stored of one gateway, or of all."""
        ...

    def erase(self, gateway: str) -> None:
        """Remove every point of one gateway."""
        ...

    def trim(self, before_ns: int) -> None:
        """Remove every point older than ``before_ns`` (retention)."""
        ...

    def close(self) -> None:
        """Release what is held. The object is not used afterwards."""
        ...
