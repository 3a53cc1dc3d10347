"""Counting what became of events: how many are stored, whether any is stored twice, and whether any is missing."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Engine, func, select

from store.engine import reading
from store.schema import quarantine
from store.timeseries.port import TimeSeries

_ALL_TIME_NS = (0, 2**63 - 1)


def tally(db: Engine, timeseries: TimeSeries, gateways: Sequence[str], sent: int) -> dict[str, int]:
    """Count by reading every point back, not by asking the store for a number it may have kept by itself.

    Args:
        db: the relational store.
        timeseries: the events.
        gateways: whose events are counted.
        sent: how many events they had.
    """
    stored = [(name, point.epoch, point.n) for name in gateways for point in timeseries.read(name, *_ALL_TIME_NS)]
    distinct = len(set(stored))
    with reading(db) as connection:
        quarantined = connection.scalar(select(func.count()).where(quarantine.c.gateway.in_(gateways))) or 0
    return {
        "stored": len(stored),
        "missing": sent - distinct - quarantined,
        "duplicates_stored": len(stored) - distinct,
        "quarantined": quarantined,
    }


def is_sound(events: Mapping[str, int]) -> bool:
    """Whether no event of a tally is missing, and none is stored twice."""
    return events["missing"] == 0 == events["duplicates_stored"]


def in_words(events: Mapping[str, int]) -> str:
    """A tally in one line."""
    return (
        f"{events['stored']:,} stored, {events['missing']} missing, "
        f"{events['duplicates_stored']} twice, {events['quarantined']} quarantined"
    )
