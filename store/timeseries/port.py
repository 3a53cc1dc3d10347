"""The time-series port: raw events of homes, by time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

LATEST_NS: Final = 2**63 - 2
"""The last timestamp that every adapter can store: 2262-04-11 UTC. InfluxDB keeps the very last number for itself."""


class TimeSeriesError(RuntimeError):
    """The time series cannot be written or read now: take nothing of the call as stored. Trying again is safe."""


class UnstorablePoint(TimeSeriesError):
    """A point of the call can never be stored, and trying again is useless. Nothing of the call was stored."""


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


def check_point(point: Point) -> None:
    """Refuse what some adapter could not give back as it was, so that a store can be changed for another.

    Raises:
        UnstorablePoint: a name is empty, a text is not Unicode (a lone surrogate), or a number does not fit.
    """
    if not (point.gateway and point.sensor and point.kind and point.epoch):
        raise UnstorablePoint("a point needs a gateway, a sensor, a kind and an epoch that are not empty")
    if not 0 <= point.ts_ns <= LATEST_NS:
        raise UnstorablePoint(f"ts_ns must lie in [0, {LATEST_NS}], the years 1970 to 2262; it is {point.ts_ns}")
    if not 0 <= point.n <= LATEST_NS:
        raise UnstorablePoint(f"n must lie in [0, {LATEST_NS}]; it is {point.n}")
    if not 0 <= point.quality <= 2:
        raise UnstorablePoint(f"quality must be 0, 1 or 2; it is {point.quality}")
    try:
        "".join((point.gateway, point.sensor, point.kind, point.epoch, point.fields)).encode()
    except UnicodeEncodeError:
        raise UnstorablePoint("a text of the point holds half a surrogate pair, which is no character") from None


def order(point: Point) -> tuple[int, str, int, str]:
    """The key in whose ascending order `TimeSeries.read` gives points."""
    return point.ts_ns, point.sensor, point.n, point.epoch


class TimeSeries(Protocol):
    """Raw events by gateway and time. Every method may be called from several threads, and raises TimeSeriesError.

    A text comes back exactly as it was written, whatever characters it is made of. `check_point` names the few points
    that no adapter takes.
    """

    def write(self, points: Sequence[Point]) -> None:
        """Store the points durably before returning. Writing a point again changes nothing: no second copy appears."""
        ...

    def read(self, gateway: str, start_ns: int, end_ns: int) -> Iterable[Point]:
        """The points of one gateway with ``start_ns <= ts_ns < end_ns``, in ascending ``(ts_ns, sensor, n, epoch)``.

        They come as a stream: an error can also come while iterating; closing the iterator lets go of what it holds.
        """
        ...

    def read_kind(self, kind: str, start_ns: int, end_ns: int) -> Iterable[Point]:
        """The points of one kind of all gateways with ``start_ns <= ts_ns < end_ns``, each gateway's as `read` orders.

        For kinds that are rare: a pass over the span of every gateway that ever had one.
        """
        ...

    def count(self, gateway: str | None = None) -> int:
        """How many points are stored of one gateway, or of all."""
        ...

    def erase(self, gateway: str) -> None:
        """Remove every point of one gateway, and its name."""
        ...

    def trim(self, before_ns: int) -> None:
        """Remove every point older than ``before_ns`` (retention)."""
        ...

    def close(self) -> None:
        """Release what is held. The object is not used afterwards."""
        ...
