"""Bundles in the database: before the sender runs, messages that would be too many for one person become one.

The oldest of them (the leader) speaks for all; the others point to it (``bundle_id``) and share its
state. When a leader fails or is cancelled the others are released: as failed ones if it failed, else to be sent anew.
Before it is sent, those are excluded of which its reader may not know any more.
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Update, bindparam, exists, func, select, update

from alerts.decisions.model import TERMINAL, IncidentState, Purpose
from alerts.decisions.sending.bundling import BundleLimits, BundlePlan, SentMessage, WaitingMessage, plan
from alerts.decisions.sending.delivery import FAILED, DeliveryState
from alerts.delivery.failover import fail_over, lock_incident
from alerts.errors import Failure, Faults
from alerts.incidents import transitions
from alerts.incidents.messages_to_send import is_due
from alerts.register import AnyRow, grouped, language_of, refusal, subject_of
from alerts.settings import AlertsSettings
from alerts.signals.conditions import wants_help
from alerts.signals.standings import portions
from alerts.wording import messages
from alerts.wording.messages import Text
from contracts.signals import SignalKind
from store.engine import reading
from store.schema import attempts, deliveries, incidents

_BUNDLED: Final = (Purpose.CALL, Purpose.STAFF, Purpose.NEWS)
"""Nobody's own question waits for others', and neither a call for help nor word of 119 waits for anything."""
_WITHOUT_LINK: Final = ("sms", "voice")
"""Channels that cannot lead to a list: a call that names nobody could not be followed."""
_LEADER: Final = deliveries.alias()
"""The message that speaks for the others of its bundle."""


def bundle_due(db: Engine, now_ms: int, settings: AlertsSettings) -> None:
    """Bundle and hold what is due now, a transaction for each person with too much.

    Raises:
        ExceptionGroup: it failed for some; their messages wait as they were, to be sent one by one rather than not at
            all. Everybody else was seen to, and the next run tries again.
    """
    limits = BundleLimits(settings.bundle_most, 1000 * settings.bundle_window_s, 1000 * settings.bundle_gather_s)
    with reading(db) as connection:
        waiting = _waiting(connection, now_ms)
        sent = {person: _sent(connection, person, now_ms - limits.window_ms) for person, _method in waiting}
    faults = Faults()
    for (person, _method), messages_due in waiting.items():
        about = dict.fromkeys(message.incident for message in messages_due)
        with faults.apart(f"messages about the incidents {', '.join(about)} could not be bundled"):
            found = plan(messages_due, sent[person], now_ms, limits)
            if found != BundlePlan():
                transitions.in_transaction(db, _carry_out, found)
    faults.raise_together(f"messages to {len(faults.errors)} people could not be bundled")


def others_in(connection: Connection, leader_id: str) -> int:
    """How many messages are told with this one."""
    return int(connection.execute(_OTHERS, {"leader": leader_id}).scalar_one())


_OTHERS: Final = select(func.count()).where(deliveries.c.bundle_id == bindparam("leader"))


def text_of(connection: Connection, row: AnyRow, others: int) -> Text:
    """What a message says now: its own words, or one line for all while it tells of ``others`` as well.

    Made when it is sent and not when it is bundled, so that no bundle is left in the words of a message that goes on
    alone, by another channel.
    """
    if not others:
        return Text(row.subject, row.body)
    who = subject_of(connection, row.incident_id).name
    return messages.bundle_text(1 + others, who, language_of(connection, row.person_id))


def orphaned(connection: Connection, now_ms: int) -> list[str]:
    """Ids of messages whose leader had failed or was cancelled by ``now_ms``, so that they must be released."""
    return list(connection.execute(_ORPHANED, {"now_ms": now_ms}).scalars())


_ORPHANED: Final = (
    select(deliveries.c.id)
    .join(_LEADER, _LEADER.c.id == deliveries.c.bundle_id)
    .where(_LEADER.c.state.in_([*FAILED, DeliveryState.CANCELLED]), _LEADER.c.settled_ms <= bindparam("now_ms"))
)


def release(connection: Connection, message_id: str, now_ms: int) -> None:
    """A message whose leader failed or was cancelled: it fails as the leader did, or waits by itself again."""
    query = select(deliveries.c.incident_id, _LEADER.c.state, _LEADER.c.failure).join(
        _LEADER, _LEADER.c.id == deliveries.c.bundle_id
    )
    row = connection.execute(query.where(deliveries.c.id == message_id)).first()
    if row is None:
        return  # another worker was first
    lock_incident(connection, row.incident_id)
    failed = row.state in FAILED and row.failure != Failure.REVOKED  # who may not hear of one may hear of the others
    now: dict[str, Any] = {"state": DeliveryState.PENDING, "due_ms": now_ms}
    if failed:
        now = {"state": DeliveryState.FAILED, "failure": row.failure, "settled_ms": now_ms}
    still = (deliveries.c.id == message_id) & (deliveries.c.state == DeliveryState.BUNDLED)
    if connection.execute(update(deliveries).where(still).values(bundle_id=None, **now)).rowcount and failed:
        own = connection.execute(select(deliveries).where(deliveries.c.id == message_id)).one()
        fail_over(connection, own, now_ms, "alerts.sender")


def refused(connection: Connection, now_ms: int) -> list[str]:
    """Ids of messages that must not be told any more in the ones that are due at ``now_ms``: consent was revoked."""
    told = connection.execute(_TOLD_NEXT, {"now_ms": now_ms}).all()
    return [row.id for row in told if refusal(connection, row, now_ms) is not None]


_TOLD_NEXT: Final = select(deliveries).join(_LEADER, _LEADER.c.id == deliveries.c.bundle_id).where(is_due(_LEADER))
"""Messages whose leader is due, or was leased by a worker that died."""


def exclude(connection: Connection, message_id: str, now_ms: int) -> None:
    """A message that must not be told leaves its bundle as failed, so that somebody else is asked in its place."""
    own = select(deliveries).where(deliveries.c.id == message_id)
    ended = lock_incident(connection, connection.execute(own).one().incident_id) in TERMINAL
    row = connection.execute(own).one()
    failure = refusal(connection, row, now_ms)
    if row.state != DeliveryState.BUNDLED or failure is None:
        return  # another worker was first, or the consent was given anew
    failed = {"state": DeliveryState.FAILED, "failure": failure, "settled_ms": now_ms, "bundle_id": None}
    still = (deliveries.c.id == message_id) & (deliveries.c.state == DeliveryState.BUNDLED)
    if connection.execute(update(deliveries).where(still).values(failed)).rowcount and not ended:
        fail_over(connection, row, now_ms, "alerts.sender")


def _waiting(connection: Connection, now_ms: int) -> Mapping[tuple[str, str], list[WaitingMessage]]:
    rows = connection.execute(_DUE, {"now_ms": now_ms})
    return grouped(((row.person_id, row.contact_method_id), _waiting_message(row)) for row in rows)


def _waiting_message(row: AnyRow) -> WaitingMessage:
    return WaitingMessage(row.id, row.incident_id, row.created_ms, row.purpose == Purpose.NEWS)


_DUE: Final = (
    select(deliveries)
    .join(incidents, incidents.c.id == deliveries.c.incident_id)
    .where(deliveries.c.state == DeliveryState.PENDING, deliveries.c.due_ms <= bindparam("now_ms"))
    .where(deliveries.c.purpose.in_(_BUNDLED), incidents.c.kind != SignalKind.HELP, ~wants_help())
    .where(~((deliveries.c.purpose == Purpose.CALL) & deliveries.c.channel.in_(_WITHOUT_LINK)))
    .where(~((deliveries.c.purpose == Purpose.STAFF) & (incidents.c.state == IncidentState.EMERGENCY)))
    .where(~select(attempts.c.n).where(attempts.c.delivery_id == deliveries.c.id).exists())
    .where(deliveries.c.id.not_in(select(deliveries.c.bundle_id).where(deliveries.c.bundle_id.is_not(None))))
    .order_by(deliveries.c.created_ms, deliveries.c.id)
)
"""Messages that are due and may be told together, in none yet and never tried, oldest first."""


def _sent(connection: Connection, person: str, since_ms: int) -> list[SentMessage]:
    rows = connection.execute(_FIRST_TRIES, {"person": person, "since_ms": since_ms})
    return [SentMessage(incident, at_ms) for incident, at_ms in rows]


_FIRST_TRIES: Final = (
    select(deliveries.c.incident_id, func.min(attempts.c.started_ms).label("at_ms"))
    .join(attempts, attempts.c.delivery_id == deliveries.c.id)
    .where(deliveries.c.person_id == bindparam("person"), deliveries.c.purpose.in_(_BUNDLED))
    .group_by(deliveries.c.id, deliveries.c.incident_id)
    .having(func.min(attempts.c.started_ms) > bindparam("since_ms"))
    .order_by("at_ms")
)
"""When each message to a person that may be told together was first tried."""


def _carry_out(connection: Connection, found: BundlePlan) -> None:
    if found.held:
        for some in portions([message.id for message in found.held]):
            connection.execute(_untouched(some).values(due_ms=found.until_ms))
    if not found.together:
        return
    # The oldest that asks for something leads, so that news of an incident that ended never hides it.
    leader, *others = (message.id for message in sorted(found.together, key=lambda message: message.is_news))
    if connection.execute(_untouched([leader]).values(state=DeliveryState.PENDING)).rowcount != 1:
        return  # another worker has it: the rest is looked at again in the next run
    for some in portions(others):
        told = _untouched(some).where(~_leads())  # who leads is never led: theirs would be lost
        connection.execute(told.values(state=DeliveryState.BUNDLED, bundle_id=leader))


def _leads() -> ColumnElement[bool]:
    member = deliveries.alias()
    return exists().where(member.c.bundle_id == deliveries.c.id)


def _untouched(ids: list[str]) -> Update:
    still = (deliveries.c.state == DeliveryState.PENDING) & deliveries.c.bundle_id.is_(None)
    return update(deliveries).where(deliveries.c.id.in_(ids), still)
