"""What happened to open incidents since they were last moved: which to look at, and the events of each.

Nothing is queued: conditions are read from the store again at every tick, so none can be lost between two processes.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Select, bindparam, exists, or_, select

from alerts.decisions.model import (
    Absent,
    Back,
    ConsentRevoked,
    Event,
    FoundWell,
    Moved,
    Recovered,
    SaidOk,
    State,
    TimePassed,
)
from alerts.incidents.area_outages import is_over
from alerts.incidents.cases import Case
from alerts.incidents.consents import may_hear, revoked_claims
from alerts.signals.conditions import (
    ABOUT_PERSON,
    FOUND_WELL,
    after_absences,
    is_open,
    ok_is_last_word,
    read_absences,
    wants_help,
)
from contracts.signals import SignalKind
from store.schema import absences, audit, gateways, homes, incidents, live_states

_ENDED_BY_MOVEMENT: Final = tuple(kind for kind in SignalKind if kind.answered_by_movement)
_ENDED_BY_OTHERS: Final = tuple(kind for kind in SignalKind if kind.answered_by_any_word)


def read_cases(connection: Connection, now_ms: int) -> list[str]:
    """Ids of the open incidents to which something may have happened, the longest overdue first."""
    now = {"now_ms": now_ms}
    found = [(row.due_ms, row.id) for row in connection.execute(_overdue(), now)]
    found += [(now_ms, row.id) for row in connection.execute(signs_of_life())]
    found += [(now_ms, row.id) for row in connection.execute(put_off(), now) if row.from_ms <= now_ms]
    found += [(now_ms, case_id) for case_id in back(connection, now_ms)]
    found += [(now_ms, row.id) for row in connection.execute(areas_over())]
    found += [(now_ms, case_id) for case_id in revoked_claims(connection, now_ms)]
    return list(dict.fromkeys(case_id for _due_ms, case_id in sorted(found)))


def read_events(connection: Connection, case: Case, now_ms: int) -> Iterator[Event]:
    """What may have happened to an open incident: a word of the person first, the clock last."""
    if case.home:
        yield from _events_of_home(connection, case.home, now_ms)
    elif connection.execute(_is_area_over(), {"case_id": case.id}).first():
        yield Recovered(SignalKind.AREA_OUTAGE, now_ms)
    for claim in case.incident.claims:
        if not may_hear(connection, claim.person, case.id, now_ms):
            yield ConsentRevoked(claim.person)
    yield TimePassed()


def _events_of_home(connection: Connection, home: str, now_ms: int) -> Iterator[Event]:
    row = connection.execute(_signs(), {"home": home}).one()
    if row.said_ok:
        yield SaidOk(row.ok_ms)
    well = connection.execute(_found_well(), {"home": home}).first()
    if well is not None:
        yield FoundWell(well.outcome_by, well.closed_ms)
    if row.last_sign_ms is not None:
        yield Moved(row.last_sign_ms)
    if row.heartbeat_ms is not None:
        yield Recovered(SignalKind.GATEWAY_LOST, row.heartbeat_ms)
    if row.proven_ms is not None:
        yield Recovered(SignalKind.SENSOR_LOST, row.proven_ms)
    away = read_absences(connection, {home}).get(home, [])
    back_ms = after_absences(now_ms, away)
    yield Absent(back_ms) if back_ms > now_ms else Back()


@cache  # building a statement costs more than running it
def _signs() -> Select[Any]:
    """What a home and its gateway last showed."""
    said_ok = ok_is_last_word().label("said_ok")
    signs = (live_states.c.ok_ms, live_states.c.last_sign_ms, gateways.c.heartbeat_ms, gateways.c.proven_ms)
    return (
        select(*signs, said_ok)
        .select_from(homes)
        .outerjoin(live_states, live_states.c.home_id == homes.c.id)
        .outerjoin(gateways, gateways.c.gateway == homes.c.gateway)
        .where(homes.c.id == bindparam("home"))
    )


@cache
def _found_well() -> Select[Any]:
    """Who was last heard or seen to be well at the end of a case, and when."""
    of_this = incidents.c.home_id == bindparam("home")
    ended = incidents.c.kind.in_(ABOUT_PERSON) & incidents.c.outcome.in_(FOUND_WELL)
    query = select(incidents.c.outcome_by, incidents.c.closed_ms).where(of_this, ended)
    return query.order_by(incidents.c.closed_ms.desc(), incidents.c.id).limit(1)


@cache
def _overdue() -> Select[Any]:
    overdue = is_open() & (incidents.c.next_due_ms <= bindparam("now_ms"))
    return select(incidents.c.id, incidents.c.next_due_ms.label("due_ms")).where(overdue)


@cache
def areas_over() -> Select[Any]:
    """Incidents of areas whose outage is over."""
    return select(incidents.c.id).where(is_open(), is_over())


@cache
def _is_area_over() -> Select[Any]:
    return select(incidents.c.id).where(incidents.c.id == bindparam("case_id"), is_over())


@cache
def signs_of_life() -> Select[Any]:
    """Open incidents that a movement, a word of the person, the end of another case or a heartbeat may change."""
    told = exists().where(audit.c.incident_id == incidents.c.id, audit.c.what == "moved")
    moved = incidents.c.kind.in_(_ENDED_BY_MOVEMENT) & (live_states.c.last_sign_ms > incidents.c.since_ms) & ~told
    said_ok = incidents.c.kind.in_(ABOUT_PERSON) & (live_states.c.ok_ms > incidents.c.since_ms) & ok_is_last_word()
    other = incidents.alias()
    found_well = incidents.c.kind.in_(_ENDED_BY_OTHERS) & exists().where(
        other.c.home_id == incidents.c.home_id,
        other.c.kind.in_(ABOUT_PERSON),
        other.c.outcome.in_(FOUND_WELL),
        other.c.closed_ms > incidents.c.since_ms,
    )
    heard = (incidents.c.kind == SignalKind.GATEWAY_LOST) & (gateways.c.heartbeat_ms > incidents.c.since_ms)
    proven = (incidents.c.kind == SignalKind.SENSOR_LOST) & (gateways.c.proven_ms > incidents.c.since_ms)
    return (
        select(incidents.c.id)
        .join(homes, homes.c.id == incidents.c.home_id)
        .outerjoin(live_states, live_states.c.home_id == homes.c.id)
        .outerjoin(gateways, gateways.c.gateway == homes.c.gateway)
        .where(is_open(), or_(moved, said_ok, found_well, heard, proven))
    )


@cache
def put_off() -> Select[Any]:
    """Open incidents about a person, with the absences that put them off now or later; see `incident.decide`."""
    asked = incidents.c.state.in_([State.NOTIFYING, State.STAFF_ATTENTION, State.DEFERRED])
    sooner = (incidents.c.state != State.DEFERRED) | (incidents.c.next_due_ms < absences.c.to_ms)
    about = incidents.c.kind.in_([kind for kind in SignalKind if kind.concerns_person and kind is not SignalKind.HELP])
    return (
        select(incidents.c.id, absences.c.from_ms)
        .join(absences, absences.c.home_id == incidents.c.home_id)
        .where(asked, sooner, about, ~wants_help(), absences.c.to_ms > bindparam("now_ms"))
    )


def back(connection: Connection, now_ms: int) -> Iterator[str]:
    """Incidents that wait for the end of an absence which is registered no longer, or not for so long.

    One whose only step is the council may wait for its area or the end of the night at that step: it is left to its
    timer. Of the ladder no more is read than that: one that cannot be read is a matter of its own case alone.
    """
    for row in connection.execute(_waiting_at_first(), {"now_ms": now_ms}):
        if len(row.policy["steps"]) > 1:
            yield row.id


@cache
def _waiting_at_first() -> Select[Any]:
    """Incidents about a person, put off at their first step, that no absence covers."""
    now_ms: BindParameter[int] = bindparam("now_ms")
    waits = (incidents.c.state == State.DEFERRED) & (incidents.c.step == 0) & (incidents.c.next_due_ms > now_ms)
    covers = (absences.c.home_id == incidents.c.home_id) & (absences.c.from_ms <= now_ms) & (absences.c.to_ms > now_ms)
    about = incidents.c.kind.in_([kind for kind in SignalKind if kind.concerns_person])
    return select(incidents.c.id, incidents.c.policy).where(waits, about, ~exists().where(covers))
