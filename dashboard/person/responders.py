"""Who can be called about a person, whose turn it is now, and why others would not be. Words only, never an address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, select

from alerts.decisions.calling.ladder import next_targets
from alerts.decisions.model import IncidentState, Recipients
from alerts.decisions.policy import Policy
from alerts.register import STAFF, in_force, left_out, methods, read_recipients
from dashboard.reading import queries
from dashboard.reading.open_incidents import OpenIncident
from store.schema import contact_methods, leaves, relations

Row = Mapping[Any, Any]
PERSON: Final = "person"


@dataclass(frozen=True, slots=True)
class Method:
    """A contact method: its channel, and ``verified`` | ``unverified`` | ``disabled``."""

    channel: str
    state: str


@dataclass(frozen=True, slots=True)
class Responder:
    """Somebody who is asked, or can be called, about a person.

    Attributes:
        name: of them; roles: what they are to the person, ``person`` for themself.
        methods: in the order in which they are tried, those out of use last.
        turn: place in the order in which neighbours would be called now, from 1; None: they would not be.
        is_staff: whether they are of the staff asked at the end.
        not_called_because: why they are not called now, a word of `alerts.register.left_out`; empty: they are.
        leave_to_ms: end of a leave that is under way (ms UTC).
    """

    name: str
    roles: Sequence[str]
    methods: Sequence[Method]
    turn: int | None
    is_staff: bool
    not_called_because: str
    leave_to_ms: int | None


@dataclass(frozen=True, slots=True)
class Responders:
    """Everybody on the ladder of a person: themself, then neighbours by turn, then staff.

    ``following``: by incident id, names of those asked at its due time if nobody answers before.
    """

    everybody: Sequence[Responder]
    following: Mapping[str, Sequence[str]]


def read_responders(connection: Connection, home: Row, incidents: Sequence[OpenIncident], now_ms: int) -> Responders:
    """Who is on the ladder of the person of a home (a row of ``queries.homes_now``) at ``now_ms`` (ms UTC)."""
    person, organisation = home["person_id"], home["organisation_id"]
    free = read_recipients(connection, person, organisation, now_ms)
    roles = _roles(connection, person, now_ms)
    for one in queries.staff_of(connection, person, organisation, now_ms):
        roles.setdefault(one["id"], ["staff"])
    names = queries.names_of(connection, [person, *roles])
    kept = left_out(connection, person, now_ms, roles)
    away = _leaves(connection, roles, now_ms)
    by_person = _methods(connection, [person, *roles])
    everybody = {
        who: Responder(
            name=names[who],
            roles=roles[who],
            methods=by_person.get(who, ()),
            turn=free.neighbours.index(who) + 1 if who in free.neighbours else None,
            is_staff=who in free.staff,
            not_called_because=kept.get(who, ""),
            leave_to_ms=away.get(who),
        )
        for who in sorted(roles, key=lambda who: _place(who, roles[who], free, names))
    }
    own = "" if methods(connection, person) else "no_contact"
    themself = Responder(names[person], [PERSON], by_person.get(person, ()), None, False, own, None)
    following = {
        incident.row["id"]: [names[who] for who in _next(incident.row, person, free)] for incident in incidents
    }
    return Responders([themself, *everybody.values()], following)


def _next(incident: Row, person: str, free: Recipients) -> list[str]:
    state, policy = IncidentState(incident["state"]), Policy.from_json(incident["policy"])
    return [target.person for target in next_targets(state, incident["step"], policy, person, free)]


def _place(who: str, roles: Sequence[str], free: Recipients, names: Mapping[str, str]) -> tuple[bool, int, str]:
    turn = free.neighbours.index(who) if who in free.neighbours else len(free.neighbours)
    return all(role in STAFF for role in roles), turn, names[who]


def _roles(connection: Connection, person: str, now_ms: int) -> dict[str, list[str]]:
    query = select(relations.c.other_id, relations.c.role).where(relations.c.subject_id == person, in_force(now_ms))
    roles: dict[str, list[str]] = {}
    for row in connection.execute(query.distinct().order_by(relations.c.role)):
        roles.setdefault(row.other_id, []).append(row.role)
    return roles


def _leaves(connection: Connection, who: Mapping[str, Any], now_ms: int) -> dict[str, int]:
    query = (
        select(leaves.c.person_id, func.max(leaves.c.to_ms).label("to_ms"))
        .where(leaves.c.person_id.in_(list(who)), leaves.c.from_ms <= now_ms, leaves.c.to_ms > now_ms)
        .group_by(leaves.c.person_id)
    )
    return {row.person_id: row.to_ms for row in connection.execute(query)}


def _methods(connection: Connection, who: Sequence[str]) -> dict[str, list[Method]]:
    """The methods of each; the address is not read at all."""
    used = contact_methods.c.disabled_reason.is_(None)
    query = (
        select(
            contact_methods.c.person_id,
            contact_methods.c.channel,
            contact_methods.c.verified_ms.is_not(None).label("verified"),
            used.label("used"),
        )
        .where(contact_methods.c.person_id.in_(who))
        .order_by(used.desc(), contact_methods.c.verified_ms.is_(None), contact_methods.c.rank, contact_methods.c.id)
    )
    found: dict[str, list[Method]] = {}
    for row in connection.execute(query):
        state = "disabled" if not row.used else "verified" if row.verified else "unverified"
        found.setdefault(row.person_id, []).append(Method(row.channel, state))
    return found
