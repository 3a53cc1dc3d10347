"""What is due: signals (conditions that hold now), events for open incidents, and the next moment anything will be.

Nothing is queued: conditions are read from the store again at every tick, so none can be lost between two processes.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Engine, Select, bindparam, exists, func, or_, select

from alerts.cases import Case
from alerts.conditions import (
    ABOUT_PERSON,
    FOUND_WELL,
    after_absences,
    calls_again,
    is_helped,
    is_open,
    of_home,
    ok_is_last_word,
    read_absences,
    wants_help,
)
from alerts.consents import claim_ends, may_hear, revoked_claims
from alerts.decisions.delivery import WAITING, DeliveryState
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
from alerts.digests import loose
from alerts.lost_devices import device_moments, lost_devices
from alerts.noticed import due_signals, read_noticed
from alerts.outages import is_over
from alerts.settings import Settings
from alerts.silences import due_silences, silence_moments
from contracts.signals import Sentence, Signal, SignalKind
from store.engine import reading
from store.schema import absences, audit, deliveries, gateways, homes, incidents, live_states

_ENDED_BY_MOVEMENT: Final = tuple(kind for kind in SignalKind if kind.answered_by_movement)
_ENDED_BY_OTHERS: Final = tuple(kind for kind in SignalKind if kind.answered_by_any_word)


def read_signals(
    connection: Connection, now_ms: int, settings: Settings, listening_since_ms: int = 0, home: str | None = None
) -> list[Signal]:
    """The signals that hold now and have not opened an incident.

    Args:
        connection: to read from.
        now_ms: now, ms UTC.
        settings: when a gateway counts as lost.
        listening_since_ms: since when this backend hears the homes; before that, their silence is its own.
        home: look at this home alone; None for all.
    """
    pressed = [
        _pressed(row.home_id, row.help_ms) for row in connection.execute(of_home(_presses, home), {"home": home})
    ]
    pressed += [
        _called(row.home_id, row.at_ms) for row in connection.execute(of_home(calls_again, home), {"home": home})
    ]
    noticed = due_signals(read_noticed(connection, now_ms, settings, home), now_ms)
    lost = lost_devices(connection, now_ms, settings, listening_since_ms, home)
    return pressed + due_silences(connection, now_ms, home) + lost + noticed


def read_cases(connection: Connection, now_ms: int) -> list[str]:
    """Ids of the open incidents to which something may have happened, the longest overdue first."""
    now = {"now_ms": now_ms}
    found = [(row.due_ms, row.id) for row in connection.execute(_overdue(), now)]
    found += [(now_ms, row.id) for row in connection.execute(_signs_of_life())]
    found += [(now_ms, row.id) for row in connection.execute(_put_off(), now) if row.from_ms <= now_ms]
    found += [(now_ms, case_id) for case_id in _back(connection, now_ms)]
    found += [(now_ms, row.id) for row in connection.execute(_areas_over())]
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


def next_due_ms(db: Engine, now_ms: int, settings: Settings | None = None, listening_since_ms: int = 0) -> int | None:
    """The earliest moment at which a tick of the engine or a run of the sender has something to do.

    A moment up to ``now_ms`` always means that there is something to do now. One in the future is never too late; it
    may turn out empty when the store changes until then. Reads every home: for one machine, and for moving a simulated
    clock; a server just ticks.

    Args:
        db: the relational store.
        now_ms: now, ms UTC.
        settings: when a gateway counts as lost; None for the defaults.
        listening_since_ms: as the engine has it; `Engine.next_due_ms` hands in its own.

    Returns:
        ms UTC; None when nothing will be due unless the store changes.
    """
    now = {"now_ms": now_ms}
    with reading(db) as connection:
        moments = [
            *silence_moments(connection, now_ms),
            *device_moments(connection, now_ms, settings or Settings(), listening_since_ms),
            *_noticed_moments(connection, now_ms, settings or Settings()),
            *(min(row.help_ms, now_ms) for row in connection.execute(_presses())),
            *(min(row.at_ms, now_ms) for row in connection.execute(calls_again())),
            *(now_ms for _row in connection.execute(_signs_of_life())),
            *(max(row.from_ms, now_ms) for row in connection.execute(_put_off(), now)),
            *(now_ms for _case_id in _back(connection, now_ms)),
            *(now_ms for _row in connection.execute(_areas_over())),
            *(now_ms for _case_id in revoked_claims(connection, now_ms)),
            *claim_ends(connection, now_ms),
            *(now_ms for _message in loose(connection, now_ms)),
            *connection.execute(_next_moments()).one(),
        ]
    return min((moment for moment in moments if moment is not None), default=None)


def _noticed_moments(connection: Connection, now_ms: int, settings: Settings) -> Iterator[int]:
    for item in read_noticed(connection, now_ms, settings):
        if item.proven or item.signal.ask_at_ms > now_ms:
            yield item.signal.ask_at_ms


# ---- Help ------------------------------------------------------------------------------------------------------------


@cache
def _presses() -> Select[Any]:
    """Presses of the help button that no incident has answered: a press during an open one belongs to that one."""
    query = select(live_states.c.home_id, live_states.c.help_ms).join(homes, homes.c.id == live_states.c.home_id)
    return query.where(live_states.c.help_ms.is_not(None), ~is_helped(live_states.c.home_id, live_states.c.help_ms))


def _pressed(home: str, at_ms: int) -> Signal:
    reason = Sentence("助けを呼ぶボタンが押されました。", "The help button was pressed.")
    return Signal(home, SignalKind.HELP, at_ms, at_ms, at_ms, reason)


def _called(home: str, at_ms: int) -> Signal:
    reason = Sentence("ご本人から助けを求める返事がありました。", "The person answered that help is needed.")
    return Signal(home, SignalKind.HELP, at_ms, at_ms, at_ms, reason)


# ---- Open incidents --------------------------------------------------------------------------------------------------


@cache
def _overdue() -> Select[Any]:
    overdue = is_open() & (incidents.c.next_due_ms <= bindparam("now_ms"))
    return select(incidents.c.id, incidents.c.next_due_ms.label("due_ms")).where(overdue)


@cache
def _areas_over() -> Select[Any]:
    return select(incidents.c.id).where(is_open(), is_over())


@cache
def _is_area_over() -> Select[Any]:
    return select(incidents.c.id).where(incidents.c.id == bindparam("case_id"), is_over())


@cache
def _signs_of_life() -> Select[Any]:
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
def _put_off() -> Select[Any]:
    """Open incidents about a person, with the absences that put them off now or later; see `incident.decide`."""
    asked = incidents.c.state.in_([State.NOTIFYING, State.STAFF_ATTENTION, State.DEFERRED])
    sooner = (incidents.c.state != State.DEFERRED) | (incidents.c.next_due_ms < absences.c.to_ms)
    about = incidents.c.kind.in_([kind for kind in SignalKind if kind.concerns_person and kind is not SignalKind.HELP])
    return (
        select(incidents.c.id, absences.c.from_ms)
        .join(absences, absences.c.home_id == incidents.c.home_id)
        .where(asked, sooner, about, ~wants_help(), absences.c.to_ms > bindparam("now_ms"))
    )


def _back(connection: Connection, now_ms: int) -> Iterator[str]:
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


@cache
def _next_moments() -> Select[Any]:
    """Timers of incidents, due times of messages, ends of leases: the earliest of each."""
    timer = select(func.min(incidents.c.next_due_ms)).where(is_open())
    waiting = select(func.min(deliveries.c.due_ms)).where(deliveries.c.state.in_(sorted(WAITING)))
    lease = select(func.min(deliveries.c.lease_until_ms)).where(deliveries.c.state == DeliveryState.SENDING)
    return select(timer.scalar_subquery(), waiting.scalar_subquery(), lease.scalar_subquery())
