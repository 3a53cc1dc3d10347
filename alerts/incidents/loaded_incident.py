"""A whole incident from its rows: the incident, what was asked of whom, who is going, who can be reached now."""

from dataclasses import dataclass, fields, replace
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, select

from alerts.decisions.codes import DeferredFor
from alerts.decisions.deferral import held_until_ms
from alerts.decisions.model import AskedPerson, Claim, Incident, IncidentState, Purpose, Recipients
from alerts.decisions.policy import Policy
from alerts.decisions.sending.delivery import ACCEPTED, FAILED, MAY_HAVE_ARRIVED, DeliveryState
from alerts.errors import UnknownIncident
from alerts.incidents.callers import caller_of
from alerts.register import AnyRow, grouped, read_recipients
from contracts.signals import SignalKind
from contracts.statements import StatementKind
from store.schema import claims, deliveries, incidents, is_open, statements


@dataclass(frozen=True, slots=True)
class LoadedIncident:
    """An incident as it stands in the database.

    Attributes:
        id: incident id.
        home: home id; empty for an area.
        version: counts transitions; compare-and-set.
        incident: what `incident.decide` works on.
        recipients: who can be reached about it now.
    """

    id: str
    home: str
    version: int
    incident: Incident
    recipients: Recipients


def load(connection: Connection, incident_id: str, now_ms: int) -> LoadedIncident:
    """An incident whole at ``now_ms``, locked for this transaction where the database can lock rows.

    Raises:
        UnknownIncident: there is none with this id.
    """
    row = connection.execute(_LOCKED, {"case_id": incident_id}).mappings().first()
    if row is None:
        raise UnknownIncident("no such incident; it may have been erased")
    person = row["person_id"] or ""
    said = connection.execute(_SAID, {"case_id": incident_id}).all()
    incident = replace(
        incident_of(row),
        asked=_asked(connection, incident_id, {(word.said_by, word.epoch) for word in said}),
        said_help=any(word.kind == StatementKind.HELP for word in said),
        called_119_by=caller_of(connection, incident_id, now_ms),
        claims=tuple(claim_of(claim) for claim in connection.execute(_CLAIMS, {"case_id": incident_id})),
        held_until_ms=held_ms(SignalKind(row["kind"]), _group(connection, row["group_id"]), now_ms),
    )
    people = read_recipients(connection, person, row["organisation_id"], now_ms)
    return LoadedIncident(incident_id, row["home_id"] or "", row["version"], incident, people)


def incident_of(row: RowMapping) -> Incident:
    """What a row of ``incidents`` holds of an incident; other tables say the rest."""
    stored = {name: row[name] for name in _STORED} | {
        "kind": SignalKind(row["kind"]),
        "policy": Policy.from_json(row["policy"]),
        "state": IncidentState(row["state"]),
        "deferred_for": DeferredFor(row["deferred_for"]) if row["deferred_for"] else None,
    }
    return Incident(person=row["person_id"] or "", **stored)


def columns_of(incident: Incident) -> dict[str, Any]:
    """The columns of ``incidents`` that a transition may change."""
    return {name: getattr(incident, name) for name in _STORED if name not in _FIXED}


def claim_of(row: AnyRow) -> Claim:
    """The claim that a row of ``claims`` holds."""
    return Claim(row.person_id, row.claimed_ms, row.eta_ms, row.expires_ms, row.extensions)


def _group(connection: Connection, group_id: str | None) -> RowMapping | None:
    """The incident of the area, while it is open."""
    if group_id is None:
        return None
    return connection.execute(select(incidents).where(incidents.c.id == group_id, is_open())).mappings().first()


def held_ms(kind: SignalKind, group: RowMapping | None, now_ms: int) -> int | None:
    """Until when staff are told of the area's incident ``group`` and not of this one (ms UTC); None: they are told."""
    if group is None:
        return None
    return held_until_ms(kind, group["opened_ms"], Policy.from_json(group["policy"]), now_ms)


def _asked(connection: Connection, incident_id: str, declined: set[tuple[str, int]]) -> tuple[AskedPerson, ...]:
    rows = connection.execute(_MESSAGES, {"case_id": incident_id}).mappings()
    messages = grouped(((row["person_id"], row["epoch"]), row) for row in rows)
    return tuple(_one_asked(rows, declined=key in declined) for key, rows in messages.items())


def _one_asked(rows: list[RowMapping], *, declined: bool) -> AskedPerson:
    states = [DeliveryState(row["state"]) for row in rows]
    accepted = [row["settled_ms"] for row, state in zip(rows, states, strict=True) if state in ACCEPTED]
    return AskedPerson(
        person=rows[0]["person_id"],
        purpose=Purpose(rows[0]["purpose"]),
        step=rows[0]["step"],
        repeat=rows[0]["repeat"],
        epoch=rows[0]["epoch"],
        at_ms=min(row["created_ms"] for row in rows),
        accepted_ms=min(accepted, default=None),
        may_have_arrived=any(state in MAY_HAVE_ARRIVED for state in states),
        failed=all(state in FAILED for state in states),
        declined=declined,
    )


def _messages() -> Select[Any]:
    names = ("person_id", "purpose", "step", "repeat", "epoch", "created_ms")
    leader = deliveries.alias()  # a message that is told in another one stands where that one does
    settled = [func.coalesce(leader.c[name], deliveries.c[name]).label(name) for name in ("settled_ms", "state")]
    return (
        select(*(deliveries.c[name] for name in names), *settled)
        .outerjoin(leader, leader.c.id == deliveries.c.bundle_id)
        .where(deliveries.c.incident_id == bindparam("case_id"), deliveries.c.purpose != Purpose.NEWS)
        .order_by(deliveries.c.epoch, deliveries.c.created_ms, deliveries.c.person_id, deliveries.c.id)
    )


_STORED: Final = tuple(field.name for field in fields(Incident) if field.name in incidents.c)
"""The fields of an incident that are columns of the same name."""
_FIXED: Final = ("kind", "policy", "since_ms", "opened_ms")
_LOCKED: Final = select(incidents).where(incidents.c.id == bindparam("case_id")).with_for_update()
_MESSAGES: Final = _messages()
_SAID: Final = select(statements.c.kind, statements.c.said_by, statements.c.epoch).where(
    statements.c.incident_id == bindparam("case_id"),
    statements.c.kind.in_([StatementKind.CANNOT, StatementKind.HELP]),
)
"""Who said that they cannot come, and the person who said that they need help: neither is waited for."""
_CLAIMS: Final = (
    select(claims)
    .where(claims.c.incident_id == bindparam("case_id"), claims.c.ended_ms.is_(None))
    .order_by(claims.c.claimed_ms, claims.c.id)
)
