"""What can go wrong with devices, as pure changes of a home's readings. Times are ms UTC.

A gateway off-line (`WifiLoss`) changes no reading: the agent keeps them and sends them later. Whoever hosts the agent
cuts its link.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.events import Kind
from edge_agent.ports import Reading


@dataclass(frozen=True, slots=True)
class DeadBattery:
    """The sensor falls silent at ``from_ms``; ``to_ms``: the battery was changed, None for never."""

    sensor: str
    from_ms: int
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class StuckContact:
    """The magnet falls off at ``from_ms``: the contact reports *open*, and then nothing until ``to_ms``."""

    sensor: str
    from_ms: int
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class WifiLoss:
    """The gateway is off-line in ``[from_ms, to_ms)``."""

    from_ms: int
    to_ms: int


Fault = DeadBattery | StuckContact | WifiLoss


def distort(faults: Iterable[Fault], readings: list[Reading], span_ms: tuple[int, int]) -> list[Reading]:
    """The readings as the faulty devices report them.

    Args:
        faults: the faults of the home.
        readings: with ``wall_ms``, in order of time.
        span_ms: ``[from, to)`` of the stretch the readings belong to.
    """
    for fault in faults:
        if isinstance(fault, WifiLoss):
            continue
        readings = [reading for reading in readings if not _is_lost(fault, reading)]
        if isinstance(fault, StuckContact) and span_ms[0] <= fault.from_ms < span_ms[1]:
            fell_off = Reading(fault.sensor, Kind.CONTACT, {"open": True}, wall_ms=fault.from_ms)
            readings = sorted([*readings, fell_off], key=moment_ms)
    return readings


def moment_ms(reading: Reading) -> int:
    """When a simulated reading happened. Raises ValueError: it has no time of its own."""
    if reading.wall_ms is None:
        raise ValueError(f"a simulated reading of '{reading.sensor}' has no time")
    return reading.wall_ms


def _is_lost(fault: DeadBattery | StuckContact, reading: Reading) -> bool:
    if reading.sensor != fault.sensor:
        return False
    at_ms = moment_ms(reading)
    return at_ms >= fault.from_ms and (fault.to_ms is None or at_ms < fault.to_ms)
