"""Transitions of incidents in the database: lets `incident` decide, and writes everything that follows at once.

A transition is one transaction: the incident by compare-and-set on its version, the messages still to be sent, the
claims and one audit line. No network in it.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, RowMapping, Select, insert, select, update
from sqlalchemy.exc import DBAPIError

from alerts.decisions.areas import Area
from alerts.decisions.codes import Reasons, What
from alerts.decisions.commands import Ask, CancelOutstanding, Command, Decision, EndClaim, HoldClaim, Tell
from alerts.decisions.events import Event
from alerts.decisions.incident import decide, opened
from alerts.decisions.model import Claim, IncidentState
from alerts.decisions.policy import Policy
from alerts.errors import StaleIncident
from alerts.incidents import loaded_incident, messages_to_send
from alerts.incidents.loaded_incident import LoadedIncident
from alerts.register import read_recipients
from contracts.signals import Signal, SignalKind
from store.schema import audit, claims, homes, incidents, is_open, organisations

P = ParamSpec("P")
T = TypeVar("T")
_NAMESPACE: Final = uuid.UUID("6d1b0c52-6d69-4d61-8d6f-72692d616c72")
_TRIES: Final = 5
_TRY_AGAIN: Final = ("40001", "40P01")  # PostgreSQL: serialization failure, deadlock; everything was rolled back


class Occasion(NamedTuple):
    """When something is done (ms UTC), by whom (person id, or the part that acts) and how it came in."""

    now_ms: int
    actor: str = "alerts"
    channel: str = ""


def stable_id(*parts: object) -> str:
    """A UUID that is the same for the same parts: who decides the same thing twice writes it once."""
    return str(uuid.uuid5(_NAMESPACE, ":".join(str(part) for part in parts)))


def id_of(signal: Signal) -> str:
    """The id that the incident of a signal has, or will have."""
    return stable_id("incident", signal.dedup_key)


def in_transaction(db: Engine, work: Callable[Concatenate[Connection, P], T], *args: P.args, **more: P.kwargs) -> T:
    """Run ``work`` in a transaction of its own, again from the start if another worker got between.

    It is called with the connection and what follows here.

    Raises:
        StaleIncident: another worker moved the incident first, several times running; nothing was written.
        DBAPIError: PostgreSQL chose this transaction to end a ring of waiting workers, several times running.
    """
    for left in reversed(range(_TRIES)):
        try:
            with db.begin() as connection:
                return work(connection, *args, **more)
        except StaleIncident:
            if not left:
                raise
        except DBAPIError as error:
            if not left or getattr(error.orig, "sqlstate", None) not in _TRY_AGAIN:
                raise
    raise AssertionError("unreachable")


def open_incident(connection: Connection, signal: Signal, policy: Policy, now_ms: int) -> str | None:
    """Open the incident of a signal, and write its first messages, to be sent afterwards.

    Returns:
        The incident's id; None when it was opened before, or an incident of this kind is open for this home.
    """
    home = connection.execute(select(homes).where(homes.c.id == signal.home).with_for_update()).mappings().one()
    open_already = (incidents.c.home_id == signal.home) & (incidents.c.kind == signal.kind) & is_open()
    known = select(incidents.c.id).where((incidents.c.dedup_key == signal.dedup_key) | open_already)
    if connection.execute(known).first():
        return None
    group = _area_of(connection, home)
    held_ms = loaded_incident.held_ms(signal.kind, group, now_ms)
    person, organisation, group_id = home["person_id"], home["organisation_id"], group["id"] if group else None
    about = {"home_id": signal.home, "person_id": person, "group_id": group_id}
    return _open(connection, signal, policy, now_ms, person, organisation, held_ms, **about)


def open_area(connection: Connection, signal: Signal, area: Area, policy: Policy, now_ms: int) -> str | None:
    """Open the one incident of an area in trouble.

    Returns:
        The incident's id; None when one is open already.
    """
    owner = select(organisations.c.id).where(organisations.c.id == area.organisation).with_for_update()
    connection.execute(owner).one()  # two workers that see it at once open it once
    if connection.execute(_open_area(area.organisation, area.name)).first():
        return None
    return _open(connection, signal, policy, now_ms, "", area.organisation, area=area.name)


def _open(
    connection: Connection,
    signal: Signal,
    policy: Policy,
    now_ms: int,
    person: str,
    organisation: str,
    held_ms: int | None = None,
    **about: str | None,
) -> str:
    people = read_recipients(connection, person, organisation, now_ms)
    decision = opened(signal, person, policy, people, now_ms, held_ms)
    loaded = LoadedIncident(id_of(signal), about.get("home_id") or "", 1, decision.incident, people)
    connection.execute(
        insert(incidents).values(
            id=loaded.id,
            dedup_key=signal.dedup_key,
            kind=signal.kind,
            policy=policy.to_json(),
            since_ms=signal.since_ms,
            opened_ms=now_ms,
            reason_ja=signal.reason.ja,
            reason_en=signal.reason.en,
            organisation_id=organisation,
            version=loaded.version,
            **about,
            **loaded_incident.columns_of(decision.incident),
        )
    )
    # The texts of an area name it, which they read from the row: it must be there first.
    _follow(connection, loaded, decision.commands, now_ms)
    _audit(connection, loaded, None, decision.what, decision.reasons, Occasion(now_ms))
    return loaded.id


def _area_of(connection: Connection, home: RowMapping) -> RowMapping | None:
    """The open incident of a home's area. Neither can one be opened nor can this one end before this transaction does.

    Else an incident opened at that instant would miss its area, or would wait for one that is over.
    """
    owner = select(organisations.c.id).where(organisations.c.id == home["organisation_id"])
    connection.execute(owner.with_for_update(read=True)).one()
    found = _open_area(home["organisation_id"], home["area"]).with_for_update(read=True)
    return connection.execute(found).mappings().first()


def _open_area(organisation: str, area: str) -> Select[Any]:
    of_area = (incidents.c.organisation_id == organisation) & (incidents.c.area == area)
    return select(incidents).where(of_area, is_open())


def apply(connection: Connection, loaded: LoadedIncident, event: Event, occasion: Occasion) -> Decision | None:
    """Let an event happen to an incident; everything that follows is written in the caller's transaction.

    Args:
        connection: an open transaction in which ``loaded`` was loaded.
        loaded: as `loaded_incident.load` gave it.
        event: what happened.
        occasion: now, and by whom.

    Returns:
        What was decided; None when the event changes nothing.

    Raises:
        StaleIncident: another worker moved the incident since it was loaded.
    """
    now_ms = occasion.now_ms
    decision = decide(loaded.incident, event, loaded.recipients, now_ms)
    if decision is None:
        return None
    unchanged = (incidents.c.id == loaded.id) & (incidents.c.version == loaded.version)
    moved = replace(loaded, version=loaded.version + 1, incident=decision.incident)
    columns = loaded_incident.columns_of(decision.incident)
    written = connection.execute(update(incidents).where(unchanged).values(version=moved.version, **columns))
    if written.rowcount != 1:
        raise StaleIncident("another worker moved the incident first")
    _follow(connection, moved, decision.commands, now_ms)
    if decision.incident.ended and loaded.incident.kind is SignalKind.AREA_OUTAGE:
        _look_again(connection, loaded.id, now_ms)
    _audit(connection, moved, loaded.incident.state, decision.what, decision.reasons, occasion)
    return decision


def _look_again(connection: Connection, group_id: str, now_ms: int) -> None:
    """What was told of the area as a whole is looked at one by one from now on."""
    own = incidents.c.group_id == group_id
    # Whoever defers one for the area at this instant holds its lock: only then is known what is deferred.
    connection.execute(select(incidents.c.id).where(own, is_open()).order_by(incidents.c.id).with_for_update()).all()
    held = own & (incidents.c.state == IncidentState.DEFERRED)
    connection.execute(update(incidents).where(held).values(next_due_ms=now_ms))


def note(connection: Connection, loaded: LoadedIncident, what: What, reasons: Reasons, occasion: Occasion) -> None:
    """An audit line about an incident that changes no state."""
    _audit(connection, loaded, loaded.incident.state, what, reasons, occasion)


# ---- Writing ---------------------------------------------------------------------------------------------------------


def _follow(connection: Connection, loaded: LoadedIncident, commands: Iterable[Command], now_ms: int) -> None:
    for command in commands:
        match command:
            case Ask():
                messages_to_send.write_ask(connection, loaded.id, loaded.incident, command, now_ms)
            case Tell():
                messages_to_send.write_news(connection, loaded.id, loaded.incident, command, loaded.version, now_ms)
            case HoldClaim(claim):
                _hold(connection, loaded, claim)
            case EndClaim(person, by):
                connection.execute(_present_claim(loaded, person).values(ended_ms=now_ms, ended_by=by))
            case CancelOutstanding():
                messages_to_send.cancel_outstanding(connection, loaded.id, now_ms)


def _hold(connection: Connection, loaded: LoadedIncident, claim: Claim) -> None:
    times = {"eta_ms": claim.eta_ms, "expires_ms": claim.expires_ms, "extensions": claim.extensions}
    if connection.execute(_present_claim(loaded, claim.person).values(times)).rowcount:
        return
    connection.execute(
        insert(claims).values(
            id=stable_id("claim", loaded.id, loaded.version, claim.person),
            incident_id=loaded.id,
            person_id=claim.person,
            claimed_ms=claim.claimed_ms,
            **times,
        )
    )


def _present_claim(loaded: LoadedIncident, person: str) -> Any:  # noqa: ANN401 - SQLAlchemy's Update is generic to no use here
    mine = (claims.c.incident_id == loaded.id) & (claims.c.person_id == person)
    return update(claims).where(mine & claims.c.ended_ms.is_(None))


def _audit(
    connection: Connection,
    loaded: LoadedIncident,
    before: IncidentState | None,
    what: What,
    reasons: Reasons,
    occasion: Occasion,
) -> None:
    connection.execute(
        insert(audit).values(
            at_ms=occasion.now_ms,
            actor=occasion.actor,
            channel=occasion.channel,
            incident_id=loaded.id,
            home_id=loaded.home or None,
            what=what,
            from_state=before,
            to_state=loaded.incident.state,
            reasons=[each.reason for each in reasons],
            params={name: value for each in reasons for name, value in each.params},
        )
    )
