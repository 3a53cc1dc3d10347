"""When old events are removed, and when not: nothing is destroyed on the word of one clock.

The server's clock may be years ahead. So the days kept are counted from what the homes' devices say: from the median of
the newest events of the homes that were seen within a day; the server's clock can only make that earlier. Ingest
takes no live events a server's month ahead of their devices (they go to quarantine), so with the newest events the cut
stays where it was. Should devices and server be wrong together (one machine, one source of time), the second rule
holds: what would take more than a third of all events is announced for `ANNOUNCED_TIMES` days before it is done.
"""

import datetime
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from statistics import median_low
from typing import Final

from sqlalchemy import Connection, Engine, insert, select

from store.audit_codes import Upkeep
from store.engine import reading
from store.retention import RetentionError, trim
from store.schema import audit, gateways, homes, live_states, trimmings
from store.timeseries.port import LATEST_NS, Point, TimeSeries
from store.upserts import put_rows

DAY_MS: Final = 86_400_000
KEEP_DAYS: Final = 400
ANNOUNCED_TIMES: Final = 14
"""A trimming of more than a third is deferred on so many days, for somebody to notice a wrong clock."""
ACTOR: Final = "retention"
_ROW: Final = 1
"""The one row of the table ``trimmings``."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trimming:
    """What a run came to.

    Attributes:
        before_ms: everything older was to go, ms UTC.
        events: how many raw events that is.
        deferred: nothing went, because it is too much at once.
    """

    before_ms: int
    events: int
    deferred: bool


def trim_if_due(engine: Engine, timeseries: TimeSeries, now_ms: int, keep_days: int = KEEP_DAYS) -> Trimming | None:
    """Once a day, remove what is older than ``keep_days``; see the module. It may be called as often as one likes.

    Args:
        engine: the relational store.
        timeseries: the raw events.
        now_ms: ms UTC by the server's clock.
        keep_days: 1 or more.

    Returns:
        What it came to; None where nothing was to be done yet: less than a day has passed since the last time, or no
        home was seen within a day, so that only the server's clock says what day it is.

    Raises:
        RetentionError: ``keep_days`` is less than one.
        TimeSeriesError: the raw events cannot be read or removed now; try again.
    """
    if keep_days < 1:
        raise RetentionError("keep_days must be at least 1")
    with reading(engine) as connection:
        last = connection.execute(select(trimmings)).first()
        # A last time that is still to come: the clock was set back since.
        is_due = last is None or not 0 <= now_ms - last.at_ms < DAY_MS
        told_ms = _told_by_devices(connection, now_ms) if is_due else None
        names = connection.execute(select(homes.c.gateway)).scalars().all()
        days_left = ANNOUNCED_TIMES - (0 if last is None else last.times_put_off)
    if told_ms is None:
        return None
    before_ms = max(0, told_ms - keep_days * DAY_MS)
    events, too_many = _weigh(timeseries, names, before_ms)
    if too_many and days_left > 0:
        return _defer(engine, Trimming(before_ms, events, True), days_left, now_ms)
    removed = trim(engine, timeseries, before_ms, now_ms, ACTOR, events)
    with engine.begin() as connection:
        _note_run(connection, now_ms, times_deferred=0)
    counts = (events, removed["quarantined"], removed["lapses"])
    _log.info("trimmed: %d events, %d quarantined messages and %d lapses from before %s", *counts, _day(before_ms))
    return Trimming(before_ms, events, False)


def _told_by_devices(connection: Connection, now_ms: int) -> int | None:
    """What time it is at least (ms UTC), by the homes whose gateways were seen within a day; None without any."""
    heard = (
        select(live_states.c.last_event_ms)
        .join(homes, homes.c.id == live_states.c.home_id)
        .join(gateways, gateways.c.gateway == homes.c.gateway)
        .where(gateways.c.heartbeat_ms > now_ms - DAY_MS, live_states.c.last_event_ms.is_not(None))
    )
    newest = connection.execute(heard).scalars().all()
    return min(now_ms, median_low(newest)) if newest else None


def _weigh(timeseries: TimeSeries, names: Iterable[str], before_ms: int) -> tuple[int, bool]:
    """How many events are older than the cut, and whether that is more than a third of all."""
    names, cut_ns = list(names), before_ms * 1_000_000
    old = sum(_count(timeseries.read(name, 0, cut_ns)) for name in names)
    # No more are read than are needed to know: most of what is kept need not be counted every day.
    kept = chain.from_iterable(timeseries.read(name, cut_ns, LATEST_NS + 1) for name in names)
    return old, _count(islice(kept, 2 * old)) < 2 * old


def _count(points: Iterable[Point]) -> int:
    return sum(1 for _ in points)


def _defer(engine: Engine, trimming: Trimming, days_left: int, now_ms: int) -> Trimming:
    _log.error(
        "retention: %d events, more than a third of all, are from before %s and due to go; if that is wrong, fix the "
        "clock of this machine or raise store.keep_days; they go in %d days",
        *(trimming.events, _day(trimming.before_ms), days_left),
    )
    with engine.begin() as connection:
        params = {"events": trimming.events, "before_ms": trimming.before_ms}
        line = {"at_ms": now_ms, "actor": ACTOR, "what": Upkeep.TRIMMING_DEFERRED, "params": params}
        connection.execute(insert(audit).values(line))
        _note_run(connection, now_ms, ANNOUNCED_TIMES - days_left + 1)
    return trimming


def _note_run(connection: Connection, now_ms: int, times_deferred: int) -> None:
    put_rows(connection, trimmings, [{"n": _ROW, "at_ms": now_ms, "times_put_off": times_deferred}])


def _day(at_ms: int) -> str:
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).strftime("%Y-%m-%d")
