"""What several kinds of signals ask of the store: is an incident open, who is registered as away."""

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, Text, bindparam, cast, exists, func, select

from alerts.decisions.areas import ABOUT_DEVICES
from alerts.register import grouped
from contracts.signals import SignalKind
from contracts.statements import StatementKind
from store.schema import absences, homes, incidents, is_open, statements


def has_incident(
    home_id: ColumnElement[str], kind: ColumnElement[str] | SignalKind, since_ms: ColumnElement[int]
) -> ColumnElement[bool]:
    """Whether there ever was an incident of a signal: the same key as `Signal.dedup_key`."""
    key = home_id + ":" + kind + ":" + cast(since_ms, Text)
    return exists().where(incidents.c.dedup_key == key)


def has_open(home_id: ColumnElement[str], kinds: Collection[SignalKind]) -> ColumnElement[bool]:
    """Whether the home has an open incident of one of these kinds."""
    other = incidents.alias()
    return exists().where(other.c.home_id == home_id, other.c.kind.in_(sorted(kinds)), is_open(other))


def devices_back_ms(home: ColumnElement[str], ask_at_ms: ColumnElement[int]) -> ScalarSelect[Any]:
    """When the devices of a home were seen again that were lost when its person was to be asked (ms UTC).

    The first such moment: a device that comes and goes puts a question off once and not for ever.
    """
    lost = incidents.alias()
    covers = (lost.c.since_ms <= ask_at_ms) & (lost.c.closed_ms >= ask_at_ms)
    return (
        select(func.min(lost.c.closed_ms))
        .where(lost.c.home_id == home, lost.c.kind.in_(sorted(ABOUT_DEVICES)), lost.c.outcome == "recovered", covers)
        .scalar_subquery()
    )


def wants_help() -> ColumnElement[bool]:
    """Whether the person of an incident answered that they need help: that waits for nothing."""
    said = (statements.c.incident_id == incidents.c.id) & (statements.c.kind == StatementKind.HELP)
    return exists().where(said)


def of_home(query: Select[Any], home: str | None) -> Select[Any]:
    """The query for one home alone, to be run with its id as ``home``; None for all."""
    return query if home is None else _of_one(query)


@cache  # building a statement costs more than running it
def _of_one(query: Select[Any]) -> Select[Any]:
    return query.where(homes.c.id == bindparam("home"))


def read_absences(connection: Connection, home_ids: Collection[str]) -> Mapping[str, list[tuple[int, int]]]:
    """From and to of the absences of those homes (ms UTC), in order of their beginning."""
    rows = connection.execute(_ABSENCES) if home_ids else ()
    return grouped((row.home_id, (row.from_ms, row.to_ms)) for row in rows if row.home_id in home_ids)


_ABSENCES: Final = select(absences).order_by(absences.c.from_ms)


def after_absences(at_ms: int, away: Iterable[tuple[int, int]]) -> int:
    """The first moment from ``at_ms`` on that no absence covers; the condition is looked at again then."""
    for from_ms, to_ms in away:  # in order of their beginning
        if from_ms <= at_ms < to_ms:
            at_ms = to_ms
    return at_ms
