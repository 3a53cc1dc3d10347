"""Reads what `alerts.decisions.standing` folds, for some homes or for all: a few queries, however many homes."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, or_, select

from alerts.decisions.standing import ABOUT_PERSON, NOTHING, DeviceSigns, Outline, Standing, standing
from alerts.register import AnyRow
from contracts.signals import SignalKind
from contracts.statements import StatementKind
from store.schema import TERMINAL_STATES, gateways, homes, incidents, live_states, statements

AT_A_TIME: Final = 500
"""Values in one SQL statement."""
_OWN_WORDS: Final = (StatementKind.HELP, StatementKind.OK)
_ENDED: Final = ("outcome", "outcome_by", "closed_ms", "answered_ms")
_OUTLINE: Final = (incidents.c.kind.label("incident_kind"), incidents.c.state, *(incidents.c[name] for name in _ENDED))


@dataclass(slots=True)
class _Home:
    said: list[AnyRow] = field(default_factory=list)
    incidents: dict[str, Outline] = field(default_factory=dict)
    signs: DeviceSigns = field(default_factory=DeviceSigns)


def read_standings(
    connection: Connection,
    now_ms: int,
    home_ids: Collection[str] | None = None,
    signs: Mapping[str, DeviceSigns] | None = None,
) -> Mapping[str, Standing]:
    """What holds for the person of each home.

    Args:
        connection: to read from.
        now_ms: now, ms UTC.
        home_ids: of which homes; None: of every registered one.
        signs: what their devices last showed, by home id, where it is at hand; None: it is read.
    """
    found: dict[str, _Home] = defaultdict(_Home)
    for home_id, shown in (signs or {}).items():
        found[home_id].signs = shown
    for some in [None] if home_ids is None else portions(home_ids):
        which, given = some is not None, {} if some is None else {"homes": some}
        for row in connection.execute(_SIGNS[which], given) if signs is None else ():
            found[row.home_id].signs = DeviceSigns(row.last_sign_ms, row.heartbeat_ms, row.proven_ms)
        for row in connection.execute(_SAID[which], given):
            found[row.home_id].said.append(row)
            if row.incident_kind in ABOUT_PERSON:
                found[row.home_id].incidents[row.incident_id] = _outline(row)
        for row in connection.execute(_INCIDENTS[which], given):
            found[row.home_id].incidents[row.incident_id] = _outline(row)
    return {
        home_id: standing(home.said, home.incidents.values(), home.signs, now_ms) for home_id, home in found.items()
    }


def standing_of(connection: Connection, home_id: str, now_ms: int) -> Standing:
    """What holds for the person of one home at ``now_ms`` (ms UTC)."""
    return read_standings(connection, now_ms, [home_id]).get(home_id, NOTHING)


def portions(values: Collection[str]) -> Iterator[list[str]]:
    """The values in lists of at most `AT_A_TIME`."""
    some = sorted(values)
    for first in range(0, len(some), AT_A_TIME):
        yield some[first : first + AT_A_TIME]


def _outline(row: AnyRow) -> Outline:
    is_open = row.state not in TERMINAL_STATES
    return Outline(row.incident_id, SignalKind(row.incident_kind), is_open, *(getattr(row, name) for name in _ENDED))


def _given(home_id: ColumnElement[Any]) -> ColumnElement[bool]:
    return home_id.in_(bindparam("homes", expanding=True))


def _signs() -> Select[Any]:
    return (
        select(homes.c.id.label("home_id"), live_states.c.last_sign_ms, gateways.c.heartbeat_ms, gateways.c.proven_ms)
        .outerjoin(live_states, live_states.c.home_id == homes.c.id)
        .outerjoin(gateways, gateways.c.gateway == homes.c.gateway)
    )


def _said(*where: ColumnElement[bool]) -> Select[Any]:
    """The last call for help and the last OK about each incident, and about none, with how that incident ended."""
    about = (statements.c.home_id, statements.c.kind, statements.c.incident_id)
    own = statements.c.kind.in_(_OWN_WORDS)
    last = select(*about, func.max(statements.c.at_ms).label("at_ms")).where(own, *where).group_by(*about).subquery()
    return select(last, *_OUTLINE).outerjoin(incidents, incidents.c.id == last.c.incident_id)


def _incidents(*where: ColumnElement[bool]) -> Select[Any]:
    """The open incidents about a person, and of those that ended the last of each kind and outcome."""
    alike = (incidents.c.home_id, incidents.c.kind, incidents.c.outcome)
    rank = func.row_number().over(partition_by=alike, order_by=(incidents.c.closed_ms.desc(), incidents.c.id))
    about = incidents.c.kind.in_(ABOUT_PERSON)
    ranked = (
        select(incidents.c.home_id, incidents.c.id.label("incident_id"), *_OUTLINE, rank.label("rank"))
        .where(about, *where)
        .subquery()
    )
    return select(ranked).where(or_(ranked.c.rank == 1, ranked.c.outcome.is_(None)))


_SIGNS: Final = (_signs(), _signs().where(_given(homes.c.id)))
_SAID: Final = (_said(), _said(_given(statements.c.home_id)))
_INCIDENTS: Final = (_incidents(), _incidents(_given(incidents.c.home_id)))
