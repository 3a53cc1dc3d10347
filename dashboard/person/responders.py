"""Who can be called about a person, whose turn it is now, and why others would not be. Words only, never an address."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select
from sqlalchemy.engine import RowMapping

from alerts.decisions.calling.ladder import next_targets
from alerts.decisions.model import IncidentState, Recipients
from alerts.decisions.policy import Policy
from alerts.register import STAFF, left_out, methods, read_recipients
from dashboard.reading import queries
from dashboard.reading.open_incidents import OpenIncident
from dashboard.reading.queries import Row
from store.schema import contact_methods, leaves, relations


@dataclass(frozen=True, slots=True)
class Responder:
    """Somebody who is asked, or can be called, about a person.

    Attributes:
        name: of them; roles: what they are to the person, ``person`` for themself.
        methods: rows of channel and state (``verified`` | ``unverified`` | ``disabled``), first the one tried first.
        turn: place in the order in which neighbours would be called now, from 1; None: they would not be.
        is_staff: whether they are of the staff asked at the end.
        not_called_because: why they are not called now, a word of `alerts.register.left_out`; empty: they are.
        leave_to_ms: end of a leave that is under way (ms UTC).
    """

    name: str
    roles: Sequence[str]
    methods: Sequence[Row]
    turn: int | None
    is_staff: bool
    not_called_because: str
    leave_to_ms: int | None


def read_responders(
    connection: Connection, home: Row, incidents: Sequence[OpenIncident], now_ms: int
) -> tuple[Sequence[Responder], Mapping[str, Sequence[str]]]:
    """Who is on the ladder of the person of a home (a row of ``queries.homes_now``) at ``now_ms`` (ms UTC).

    Returns:
        Everybody on it: themself, then neighbours by turn, then staff. By incident id, the names of those asked at its
        due time if nobody answers before.
    """
    person, organisation = home["person_id"], home["organisation_id"]
    free = read_recipients(connection, person, organisation, now_ms)
    roles = queries.roles_of(connection, relations.c.subject_id == person, now_ms)
    for one in queries.staff_of(connection, person, organisation, now_ms):
        roles.setdefault(one["id"], ["staff"])
    names = queries.names_of(connection, [person, *roles])
    kept = left_out(connection, person, now_ms, roles)
    away = _leaves(connection, roles, now_ms)
    by_person = _methods(connection, [person, *roles])
    turns = {who: turn for turn, who in enumerate(free.neighbours, start=1)}
    everybody = [
        Responder(
            name=names[who],
            roles=roles[who],
            methods=by_person[who],
            turn=turns.get(who),
            is_staff=who in free.staff,
            not_called_because=kept.get(who, ""),
            leave_to_ms=away.get(who),
        )
        for who in roles
    ]
    everybody.sort(key=_place)
    own = "" if methods(connection, person) else "no_contact"
    themself = Responder(names[person], ["person"], by_person[person], None, False, own, None)
    following = {
        incident.row["id"]: [names[who] for who in _next(incident.row, person, free)] for incident in incidents
    }
    return [themself, *everybody], following


def _place(one: Responder) -> tuple[bool, float, str]:
    return all(role in STAFF for role in one.roles), one.turn or math.inf, one.name


def _next(incident: Row, person: str, free: Recipients) -> list[str]:
    state, policy = IncidentState(incident["state"]), Policy.from_json(incident["policy"])
    return [target.person for target in next_targets(state, incident["step"], policy, person, free)]


def _leaves(connection: Connection, who: Collection[str], now_ms: int) -> dict[str, int]:
    query = (
        select(leaves.c.person_id, func.max(leaves.c.to_ms).label("to_ms"))
        .where(leaves.c.person_id.in_(who), leaves.c.from_ms <= now_ms, leaves.c.to_ms > now_ms)
        .group_by(leaves.c.person_id)
    )
    return {row.person_id: row.to_ms for row in connection.execute(query)}


def _methods(connection: Connection, who: Collection[str]) -> dict[str, list[RowMapping]]:
    """The methods of each; the address is not read at all."""
    disabled, verified = contact_methods.c.disabled_reason.is_not(None), contact_methods.c.verified_ms.is_not(None)
    state = case((disabled, "disabled"), (verified, "verified"), else_="unverified").label("state")
    query = (
        select(*contact_methods.c["person_id", "channel"], state)
        .where(contact_methods.c.person_id.in_(who))
        .order_by(disabled, verified.desc(), contact_methods.c.rank, contact_methods.c.id)
    )
    return queries.grouped(connection, query, "person_id")
