"""A case whole, as its rows have it: the incident, what was asked of whom, who is going, who can be reached now."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, select

from alerts.decisions.deferral import held_until_ms
from alerts.decisions.delivery import ACCEPTED, FAILED, HEARD, DeliveryState
from alerts.decisions.model import Answer, Asked, Claim, Incident, Purpose, Roster, State
from alerts.errors import UnknownIncident
from alerts.incidents.callers import caller_of
from alerts.register import roster
from alerts.settings import Policy
from alerts.signals.conditions import is_open
from contracts.signals import SignalKind
from store.schema import audit, claims, deliveries, incidents, responses


@dataclass(frozen=True, slots=True)
class Case:
    """An incident as it stands in the database.

    Attributes:
        id: incident id.
        home: home id; empty for an area.
        version: counts transitions; compare-and-set.
        incident: what `incident.decide` works on.
        roster: who can be reached about it now.
    """

    id: str
    home: str
    version: int
    incident: Incident
    roster: Roster


def load(connection: Connection, case_id: str, now_ms: int) -> Case:
    """A case whole at ``now_ms``, locked for this transaction where the database can lock rows.

    Raises:
        UnknownIncident: there is none with this id.
    """
    row = connection.execute(_locked(), {"case_id": case_id}).mappings().first()
    if row is None:
        raise UnknownIncident("no such incident; it may have been erased")
    same = (
        "epoch", "step", "repeat", "since_ms", "opened_ms", "next_due_ms", "asked_ms", "called_ms", "council_ms",
        "closed_ms", "outcome", "outcome_by", "call_at_ms",
    )  # fmt: skip
    policy = Policy.from_json(row["policy"])
    person = row["person_id"] or ""
    declined = {(who, epoch) for who, epoch in connection.execute(_declined(), {"case_id": case_id})}
    incident = Incident(
        kind=SignalKind(row["kind"]),
        person=person,
        policy=policy,
        state=State(row["state"]),
        moved_ms=connection.execute(_told(), {"case_id": case_id}).scalar(),
        asked=_asked(connection, case_id, declined),
        said_help=any(who == person for who, _epoch in declined),
        called_119_by=caller_of(connection, case_id, now_ms),
        claims=_claims(connection, case_id),
        held_until_ms=held_ms(SignalKind(row["kind"]), _group(connection, row["group_id"]), now_ms),
        **{name: row[name] for name in same},
    )
    people = roster(connection, person, row["organisation_id"], now_ms)
    return Case(case_id, row["home_id"] or "", row["version"], incident, people)


@cache  # building a statement costs more than running it, and a storm runs these thousands of times
def _locked() -> Select[Any]:
    return select(incidents).where(incidents.c.id == bindparam("case_id")).with_for_update()


@cache
def _told() -> Select[Any]:
    """When it was told that the person moved."""
    mine = audit.c.incident_id == bindparam("case_id")
    return select(func.min(audit.c.at_ms)).where(mine, audit.c.what == "moved")


def _group(connection: Connection, group_id: str | None) -> RowMapping | None:
    """The case of the area, while it is open."""
    if group_id is None:
        return None
    return connection.execute(select(incidents).where(incidents.c.id == group_id, is_open())).mappings().first()


def held_ms(kind: SignalKind, group: RowMapping | None, now_ms: int) -> int | None:
    """Until when staff hear of the area whose case is ``group`` and not of this one (ms UTC); None: they hear of it."""
    if group is None:
        return None
    return held_until_ms(kind, group["opened_ms"], Policy.from_json(group["policy"]), now_ms)


def _asked(connection: Connection, case_id: str, declined: set[tuple[str, int]]) -> tuple[Asked, ...]:
    messages: dict[tuple[str, int], list[RowMapping]] = {}
    for row in connection.execute(_messages(), {"case_id": case_id}).mappings():
        messages.setdefault((row["person_id"], row["epoch"]), []).append(row)
    return tuple(_one_asked(rows, declined=key in declined) for key, rows in messages.items())


@cache
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


@cache
def _declined() -> Select[Any]:
    return select(responses.c.person_id, responses.c.epoch).where(
        responses.c.incident_id == bindparam("case_id"), responses.c.kind == Answer.CANNOT
    )


def _one_asked(rows: list[RowMapping], *, declined: bool) -> Asked:
    states = [DeliveryState(row["state"]) for row in rows]
    accepted = [row["settled_ms"] for row, state in zip(rows, states, strict=True) if state in ACCEPTED]
    return Asked(
        person=rows[0]["person_id"],
        purpose=Purpose(rows[0]["purpose"]),
        step=rows[0]["step"],
        repeat=rows[0]["repeat"],
        epoch=rows[0]["epoch"],
        at_ms=min(row["created_ms"] for row in rows),
        accepted_ms=min(accepted, default=None),
        heard=any(state in HEARD for state in states),
        failed=all(state in FAILED for state in states),
        declined=declined,
    )


def _claims(connection: Connection, case_id: str) -> tuple[Claim, ...]:
    rows = connection.execute(_present_claims(), {"case_id": case_id}).mappings()
    return tuple(
        Claim(row["person_id"], row["claimed_ms"], row["eta_ms"], row["expires_ms"], row["extensions"]) for row in rows
    )


@cache
def _present_claims() -> Select[Any]:
    present = select(claims).where(claims.c.incident_id == bindparam("case_id"), claims.c.ended_ms.is_(None))
    return present.order_by(claims.c.claimed_ms, claims.c.id)
