"""Outages of an area in the database: finds them, opens their one incident, and says how long its homes wait."""

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any, Final

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Select, bindparam, exists, func, select, update

from alerts.decisions.areas import ABOUT_DEVICES, ABOUT_PEOPLE, Area, HomeInTrouble, OutageThresholds, outages
from alerts.errors import Faults
from alerts.incidents import messages_to_send, transitions
from alerts.settings import AlertsSettings
from alerts.wording.catalogue import sentence
from contracts.signals import Signal, SignalKind
from store.engine import reading
from store.schema import homes, incidents, is_open

_KINDS = sorted(ABOUT_DEVICES | ABOUT_PEOPLE)


def open_outages(
    db: sqlalchemy.Engine, signals: Collection[Signal], now_ms: int, settings: AlertsSettings
) -> list[str]:
    """Open the incident of every area in which many homes are in trouble at once.

    Args:
        db: the relational store.
        signals: those that hold now and have no incident yet.
        now_ms: now, ms UTC.
        settings: what counts as many, and how lately.

    Returns:
        Ids of the incidents opened.

    Raises:
        ExceptionGroup: some areas failed; all others were seen to, and the next run tries again.
    """
    measure = OutageThresholds(
        settings.area_least, settings.area_device_percent / 100, settings.area_people_percent / 100
    )
    with reading(db) as connection:
        troubles = _troubles(connection, signals, now_ms, settings)
        if len({trouble.home for trouble in troubles}) < settings.area_least:
            return []
        found = outages(troubles, _sizes(connection, {trouble.area for trouble in troubles}), measure)
    opened: list[str] = []
    faults = Faults()
    for area in found:
        signal = _signal(area, now_ms)
        with faults.apart(f"incident {transitions.id_of(signal)}, of the area {area.name}"):
            case_id = transitions.in_transaction(db, _open, area, signal, settings)
            opened += [] if case_id is None else [case_id]
    faults.raise_together(f"the incidents of {len(faults.errors)} areas could not be opened")
    return opened


def is_over() -> ColumnElement[bool]:
    """Of an incident about an area: whether each of its homes has come to its end."""
    member = incidents.alias()
    return (incidents.c.kind == SignalKind.AREA_OUTAGE) & ~exists().where(
        member.c.group_id == incidents.c.id, is_open(member)
    )


def _troubles(
    connection: Connection, signals: Iterable[Signal], now_ms: int, settings: AlertsSettings
) -> list[HomeInTrouble]:
    """What began lately and belongs to no outage yet: signals that hold now, and incidents opened within the window."""
    fresh = {(signal.home, signal.kind) for signal in signals if signal.kind in _KINDS}
    since_ms = now_ms - 1000 * settings.area_window_s
    rows = connection.execute(_OPENED_LATELY, {"since_ms": since_ms})
    fresh |= {(row.home_id, SignalKind(row.kind)) for row in rows}
    if len({home for home, _kind in fresh}) < settings.area_least:
        return []
    areas = {
        row.id: Area(row.organisation_id, row.area)
        for row in connection.execute(select(homes.c.id, homes.c.organisation_id, homes.c.area))
    }
    return [HomeInTrouble(home, areas[home], kind) for home, kind in sorted(fresh)]


_OPENED_LATELY: Final = (
    select(incidents.c.home_id, incidents.c.kind)
    .where(incidents.c.opened_ms >= bindparam("since_ms"), is_open())
    .where(incidents.c.group_id.is_(None), incidents.c.kind.in_(_KINDS))
)


def _sizes(connection: Connection, areas: Collection[Area]) -> Counter[Area]:
    query = select(homes.c.organisation_id, homes.c.area, func.count()).group_by(homes.c.organisation_id, homes.c.area)
    counted = {Area(organisation, name): count for organisation, name, count in connection.execute(query)}
    return Counter({area: counted[area] for area in areas})


def _signal(area: Area, now_ms: int) -> Signal:
    reason = sentence("signal.area_outage", area=area.name)
    return Signal(f"{area.organisation}/{area.name}", SignalKind.AREA_OUTAGE, now_ms, now_ms, now_ms, reason)


def _open(connection: Connection, area: Area, signal: Signal, settings: AlertsSettings) -> str | None:
    now_ms = signal.since_ms
    case_id = transitions.open_area(connection, signal, area, settings.policy(signal.kind), now_ms)
    if case_id is None:
        return None
    members = _members(area, now_ms - 1000 * settings.area_window_s)
    devices = members.where(incidents.c.kind.in_(sorted(ABOUT_DEVICES)))
    connection.execute(update(incidents).where(incidents.c.id.in_(members)).values(group_id=case_id))
    messages_to_send.cancel_staff(connection, devices, now_ms)  # what is asked about a person stands
    # Their next tick defers them with the others, so that they are looked at when the area's incident ends.
    sooner = incidents.c.id.in_(devices) & (incidents.c.next_due_ms > now_ms)
    connection.execute(update(incidents).where(sooner).values(next_due_ms=now_ms))
    return case_id


def _members(area: Area, since_ms: int) -> Select[Any]:
    return (
        select(incidents.c.id)
        .join(homes, homes.c.id == incidents.c.home_id)
        .where(homes.c.organisation_id == area.organisation, homes.c.area == area.name)
        .where(incidents.c.kind.in_(_KINDS), is_open(), incidents.c.opened_ms >= since_ms)
    )
