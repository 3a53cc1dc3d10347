"""What is due: signals (conditions that hold now), events for open incidents, and the next moment anything will be.

Nothing is queued: conditions are read from the store again at every tick, so none can be lost between two processes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, Text, cast, exists, func, or_, select

from alerts.casebook import Case
from alerts.conditions import (
    ABOUT_PERSON,
    FOUND_WELL,
    after_absences,
    back_ms,
    has_open,
    is_open,
    of_home,
    read_absences,
    word_ms,
)
from alerts.deadlines import deadlines_after, is_silence_proven
from alerts.delivery import WAITING, DeliveryState
from alerts.digests import loose
from alerts.model import Absent, Answer, Event, FoundWell, Moved, Recovered, SaidOk, State, TimePassed
from alerts.noticed import due_signals, read_noticed
from alerts.outages import is_over
from alerts.register import AnyRow
from alerts.settings import Settings
from contracts.signals import Sentence, Signal, SignalKind
from store.engine import reading
from store.schema import absences, audit, deliveries, gateways, homes, incidents, live_states, responses

_SILENT_OR_LOST: Final = (SignalKind.SILENCE, SignalKind.GATEWAY_LOST, SignalKind.SENSOR_LOST)
_AT_A_TIME: Final = 500  # values in one statement
_proof_ms = func.coalesce(gateways.c.proven_ms, 0)
_ENDED_BY_MOVEMENT: Final = tuple(kind for kind in SignalKind if kind.answered_by_movement)
_ENDED_BY_OTHERS: Final = tuple(kind for kind in SignalKind if kind.answered_by_any_word)


@dataclass(frozen=True, slots=True)
class Silence:
    """The deadlines of a home, after everything that is known of its person.

    Attributes:
        since_ms: last sign of life (else since when the home is watched), or a human's word that all was well, if that
            came later (ms UTC).
        ask_at_ms, call_at_ms: when to ask the person, when to call for help (ms UTC).
        proven: whether the devices are proven alive now, so that silence means a silent person.
    """

    home: str
    since_ms: int
    ask_at_ms: int
    call_at_ms: int
    proven: bool
    reason: Sentence

    @property
    def signal(self) -> Signal:
        """The signal that this silence is when its time has come."""
        return Signal(self.home, SignalKind.SILENCE, self.since_ms, self.ask_at_ms, self.call_at_ms, self.reason)


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
    overdue = of_home(_deadlines(), home).where(live_states.c.ask_at_ms <= now_ms)
    silences = [
        item.signal for item in _silences(connection, overdue, now_ms) if item.ask_at_ms <= now_ms and item.proven
    ]
    lost = [
        _lost(row.home_id, row.heartbeat_ms, at_ms)
        for row, at_ms in _losses(connection, settings, listening_since_ms, home, by_ms=now_ms)
    ]
    unproven = [
        _unvouched(row.home_id, row.proven_ms or 0, at_ms)
        for row, at_ms in _unproven(connection, now_ms, settings, listening_since_ms, home, by_ms=now_ms)
    ]
    pressed = [_pressed(row.home_id, row.help_ms) for row in connection.execute(of_home(_presses(), home))]
    noticed = due_signals(read_noticed(connection, now_ms, settings, home), now_ms)
    return pressed + silences + lost + unproven + noticed


def read_cases(connection: Connection, now_ms: int) -> list[str]:
    """Ids of the open incidents to which something may have happened, the longest overdue first."""
    overdue = is_open() & (incidents.c.next_due_ms <= now_ms)
    timed = select(incidents.c.id, incidents.c.next_due_ms.label("due_ms")).where(overdue)
    found = [(row.due_ms, row.id) for row in connection.execute(timed)]
    found += [(now_ms, row.id) for row in connection.execute(_signs_of_life())]
    covers = (absences.c.from_ms <= now_ms) & (absences.c.to_ms > now_ms)
    found += [(now_ms, row.id) for row in connection.execute(_put_off().where(covers))]
    found += [(now_ms, row.id) for row in connection.execute(select(incidents.c.id).where(is_open(), is_over()))]
    return list(dict.fromkeys(case_id for _due_ms, case_id in sorted(found)))


def read_events(connection: Connection, case: Case, now_ms: int) -> Iterator[Event]:
    """What may have happened to an open incident: a word of the person first, the clock last."""
    if case.home:
        yield from _events_of_home(connection, case.home, now_ms)
    elif connection.execute(select(incidents.c.id).where(incidents.c.id == case.id, is_over())).first():
        yield Recovered(SignalKind.AREA_OUTAGE, now_ms)
    yield TimePassed()


def _events_of_home(connection: Connection, home: str, now_ms: int) -> Iterator[Event]:
    found = (
        select(live_states.c.ok_ms, live_states.c.last_sign_ms, gateways.c.heartbeat_ms, gateways.c.proven_ms)
        .select_from(homes)
        .outerjoin(live_states, live_states.c.home_id == homes.c.id)
        .outerjoin(gateways, gateways.c.gateway == homes.c.gateway)
        .where(homes.c.id == home)
    )
    row = connection.execute(found).one()
    if row.ok_ms is not None:
        yield SaidOk(row.ok_ms)
    well = connection.execute(_found_well(home)).first()
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
    if back_ms > now_ms:
        yield Absent(back_ms)


def _found_well(home: str) -> Select[Any]:
    """Who was last heard or seen to be well at the end of a case, and when."""
    ended = (incidents.c.home_id == home) & incidents.c.kind.in_(ABOUT_PERSON) & incidents.c.outcome.in_(FOUND_WELL)
    query = select(incidents.c.outcome_by, incidents.c.closed_ms).where(ended)
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
    with reading(db) as connection:
        moments = [
            *_silence_moments(connection, now_ms),
            *(at_ms for _row, at_ms in _losses(connection, settings or Settings(), listening_since_ms)),
            *(at_ms for _row, at_ms in _unproven(connection, now_ms, settings or Settings(), listening_since_ms)),
            *_noticed_moments(connection, now_ms, settings or Settings()),
            *(min(row.help_ms, now_ms) for row in connection.execute(_presses())),
            *(now_ms for _row in connection.execute(_signs_of_life().limit(1))),
            *(max(row.from_ms, now_ms) for row in connection.execute(_put_off().where(absences.c.to_ms > now_ms))),
            *(now_ms for _row in connection.execute(select(incidents.c.id).where(is_open(), is_over()).limit(1))),
            *(now_ms for _row in connection.execute(loose(now_ms).limit(1))),
            *connection.execute(_next_moments()).one(),
        ]
    return min((moment for moment in moments if moment is not None), default=None)


def _noticed_moments(connection: Connection, now_ms: int, settings: Settings) -> Iterator[int]:
    for item in read_noticed(connection, now_ms, settings):
        if item.proven or item.signal.ask_at_ms > now_ms:
            yield item.signal.ask_at_ms


# ---- Silence ---------------------------------------------------------------------------------------------------------


def _silence_moments(connection: Connection, now_ms: int) -> Iterator[int]:
    for item in _silences(connection, _deadlines(), now_ms):
        if item.ask_at_ms > now_ms or item.proven:
            yield item.ask_at_ms


def _silences(connection: Connection, query: Select[Any], now_ms: int) -> list[Silence]:
    """Of those homes, the ones without an incident for this silence."""
    rows = connection.execute(query).all()
    away = read_absences(connection, {row.home_id for row in rows})
    items = (_silence(row, away.get(row.home_id, []), now_ms) for row in rows)
    found = {item.signal.dedup_key: item for item in items if item is not None}
    known: set[str] = set()
    keys = list(found)
    for first in range(0, len(keys), _AT_A_TIME):
        some = keys[first : first + _AT_A_TIME]
        known.update(connection.execute(select(incidents.c.dedup_key).where(incidents.c.dedup_key.in_(some))).scalars())
    return [item for key, item in found.items() if key not in known]


@cache  # building a statement costs more than running it
def _deadlines() -> Select[Any]:
    """Homes with an ask deadline, no open incident about a silence, and none about devices.

    Devices that are heard of again end their case in this tick; only then is known how long they were not.
    """
    return (
        select(
            live_states,
            word_ms(homes.c.id).label("word_ms"),
            back_ms(homes.c.id, live_states.c.ask_at_ms).label("back_ms"),
            gateways.c.proven_ms,
        )
        .join(homes, homes.c.id == live_states.c.home_id)
        .outerjoin(gateways, gateways.c.gateway == homes.c.gateway)
        .where(live_states.c.ask_at_ms.is_not(None), ~has_open(homes.c.id, _SILENT_OR_LOST))
    )


def _silence(row: AnyRow, away: list[tuple[int, int]], now_ms: int) -> Silence | None:
    """The deadlines of a row after words and absences; None when nothing is ever due."""
    words_ms = (row.word_ms, row.ok_ms)
    moments = row.last_sign_ms, row.watched_from_ms, row.ask_at_ms, row.call_at_ms
    held = deadlines_after(*moments, words_ms, row.back_ms)
    if held.since_ms is None or held.ask_at_ms is None:
        return None
    ask_at_ms = after_absences(held.ask_at_ms, away)
    if ask_at_ms <= now_ms < after_absences(now_ms, away):  # it was due, but could not be noticed before they left
        ask_at_ms = after_absences(now_ms, away)
    answer_ms = 0 if row.call_at_ms is None else max(row.call_at_ms - row.ask_at_ms, 0)
    proven = is_silence_proven(row.last_sign_ms, row.proven_ms, now_ms)
    reason = Sentence(row.reason_ja, row.reason_en)
    return Silence(row.home_id, held.since_ms, ask_at_ms, ask_at_ms + answer_ms, proven, reason)


# ---- Help and lost gateways ------------------------------------------------------------------------------------------


@cache
def _presses() -> Select[Any]:
    """Presses of the help button that no incident has answered: a press during an open one belongs to that one."""
    answered = exists().where(
        incidents.c.home_id == live_states.c.home_id,
        incidents.c.kind == SignalKind.HELP,
        or_(is_open(), incidents.c.closed_ms >= live_states.c.help_ms),
    )
    query = select(live_states.c.home_id, live_states.c.help_ms).join(homes, homes.c.id == live_states.c.home_id)
    return query.where(live_states.c.help_ms.is_not(None), ~answered)


def _pressed(home: str, at_ms: int) -> Signal:
    reason = Sentence("助けを呼ぶボタンが押されました。", "The help button was pressed.")
    return Signal(home, SignalKind.HELP, at_ms, at_ms, at_ms, reason)


def _losses(
    connection: Connection,
    settings: Settings,
    listening_since_ms: int,
    home: str | None = None,
    by_ms: int | None = None,
) -> Iterator[tuple[AnyRow, int]]:
    """Gateways with the moment at which each counts as lost unless it is heard of again; ``by_ms``: by then alone."""
    lost_ms = 1000 * settings.gateway_lost_s
    query = of_home(_heartbeats(), home)
    if by_ms is not None:
        if listening_since_ms + lost_ms > by_ms:
            return
        query = query.where(gateways.c.heartbeat_ms <= by_ms - lost_ms)
    for row in connection.execute(query):
        yield row, max(row.heartbeat_ms, listening_since_ms) + lost_ms


@cache
def _heartbeats() -> Select[Any]:
    """Last heartbeats that no incident is about.

    A gateway that was never heard of is not lost: it was never installed, and the page of the homes says so.
    """
    key = homes.c.id + f":{SignalKind.GATEWAY_LOST}:" + cast(gateways.c.heartbeat_ms, Text)
    known = exists().where(incidents.c.dedup_key == key)
    return (
        select(homes.c.id.label("home_id"), gateways.c.heartbeat_ms)
        .join(gateways, gateways.c.gateway == homes.c.gateway)
        .where(gateways.c.heartbeat_ms.is_not(None), ~known, ~has_open(homes.c.id, [SignalKind.GATEWAY_LOST]))
    )


def _lost(home: str, since_ms: int, at_ms: int) -> Signal:
    reason = Sentence("端末からの通信が途絶えています。", "The device in the home is not heard of.")
    return Signal(home, SignalKind.GATEWAY_LOST, since_ms, at_ms, at_ms, reason)


def _unproven(
    connection: Connection,
    now_ms: int,
    settings: Settings,
    listening_since_ms: int,
    home: str | None = None,
    by_ms: int | None = None,
) -> Iterator[tuple[AnyRow, int]]:
    """Homes whose gateway is heard of and does not vouch for them, with the moment from which staff are told.

    Their person could fall silent and nobody would be asked: a sensor that died or a back-log that does not empty is
    then more than a matter of upkeep. ``by_ms``: those alone of which staff are told by then.
    """
    unproven_ms = 1000 * settings.unproven_s
    query = of_home(_proofs(), home).where(gateways.c.heartbeat_ms >= now_ms - 1000 * settings.gateway_lost_s)
    if by_ms is not None:
        if listening_since_ms + unproven_ms > by_ms:
            return
        query = query.where(_proof_ms <= by_ms - unproven_ms)
    rows = connection.execute(query).all()
    away = read_absences(connection, {row.home_id for row in rows})
    for row in rows:
        at_ms = max(row.proven_ms or 0, listening_since_ms) + unproven_ms
        # Where nobody is at home no room is entered, so no sensor can vouch: looked at again when the absence ends.
        if row.home_id in away:
            at_ms = after_absences(max(at_ms, now_ms), away[row.home_id])
        if by_ms is None or at_ms <= by_ms:
            yield row, at_ms


@cache
def _proofs() -> Select[Any]:
    """Last proofs of living devices that no incident is about; none at all counts as long ago."""
    key = homes.c.id + f":{SignalKind.SENSOR_LOST}:" + cast(_proof_ms, Text)
    known = exists().where(incidents.c.dedup_key == key)
    return (
        select(homes.c.id.label("home_id"), gateways.c.heartbeat_ms, gateways.c.proven_ms)
        .join(gateways, gateways.c.gateway == homes.c.gateway)
        .where(gateways.c.heartbeat_ms.is_not(None), ~known, ~has_open(homes.c.id, [SignalKind.SENSOR_LOST]))
    )


def _unvouched(home: str, since_ms: int, at_ms: int) -> Signal:
    reason = Sentence(
        "センサーの知らせがそろわず、見守りができていません。",
        "The sensors do not report as they should: nobody is watched there.",
    )
    return Signal(home, SignalKind.SENSOR_LOST, since_ms, at_ms, at_ms, reason)


# ---- Open incidents --------------------------------------------------------------------------------------------------


@cache
def _signs_of_life() -> Select[Any]:
    """Open incidents that a movement, a word of the person, the end of another case or a heartbeat may change."""
    told = exists().where(audit.c.incident_id == incidents.c.id, audit.c.what == "moved")
    moved = incidents.c.kind.in_(_ENDED_BY_MOVEMENT) & (live_states.c.last_sign_ms > incidents.c.since_ms) & ~told
    said_ok = incidents.c.kind.in_(ABOUT_PERSON) & (live_states.c.ok_ms > incidents.c.since_ms)
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
    """Open incidents about a person, with the absences that will put them off; see `incident.decide`."""
    asked = incidents.c.state.in_([State.NOTIFYING, State.STAFF_ATTENTION, State.DEFERRED])
    sooner = (incidents.c.state != State.DEFERRED) | (incidents.c.next_due_ms < absences.c.to_ms)
    about = incidents.c.kind.in_([kind for kind in SignalKind if kind.concerns_person and kind is not SignalKind.HELP])
    wants_help = exists().where(
        responses.c.incident_id == incidents.c.id,
        responses.c.person_id == incidents.c.person_id,
        responses.c.kind == Answer.CANNOT,
    )
    return (
        select(incidents.c.id, absences.c.from_ms)
        .join(absences, absences.c.home_id == incidents.c.home_id)
        .where(asked, sooner, about, ~wants_help)
    )


@cache
def _next_moments() -> Select[Any]:
    """Timers of incidents, due times of messages, ends of leases: the earliest of each."""
    timer = select(func.min(incidents.c.next_due_ms)).where(is_open())
    waiting = select(func.min(deliveries.c.due_ms)).where(deliveries.c.state.in_(sorted(WAITING)))
    lease = select(func.min(deliveries.c.lease_until_ms)).where(deliveries.c.state == DeliveryState.SENDING)
    return select(timer.scalar_subquery(), waiting.scalar_subquery(), lease.scalar_subquery())
