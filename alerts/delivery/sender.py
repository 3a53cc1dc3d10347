"""The sender: lease, send, record. A message is in the database before it is sent, and its outcome afterwards.

A worker that dies with a message under its lease leaves a lease that runs out; the next one sends again with the same
key. So a message may come twice where nobody knows whether it came, and is never lost.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, Engine, Update, bindparam, case, insert, select, update

from alerts.decisions.model import TERMINAL, Purpose
from alerts.decisions.sending.delivery import (
    FAILED,
    DeliveryProgress,
    DeliveryState,
    Move,
    after_attempt,
    before_attempt,
)
from alerts.delivery import bundles, receipts
from alerts.delivery.failover import fail_over, lock_incident
from alerts.errors import Failure, Faults
from alerts.incidents import callers, messages_to_send, transitions
from alerts.ports import Channel, OutgoingMessage, SendOutcome, SendResult
from alerts.register import AnyRow, language_of, refusal, subject_of
from alerts.settings import AlertsSettings
from alerts.signals.conditions import wants_help
from alerts.wording.links import Links
from contracts.signals import SignalKind
from store.engine import reading
from store.register.registry import note_contact_ok
from store.schema import attempts, contact_methods, deliveries, incidents

log = logging.getLogger(__name__)
_IN_VAIN = 6
"""A channel that has kept a run waiting for this part of a lease without taking anything is left for the next run."""


@dataclass(frozen=True, slots=True)
class SendReport:
    """What a run did: tries by outcome, and messages settled without one.

    Attributes:
        ok, retry, permanent, ambiguous, quota: tries, by outcome.
        cancelled: not sent because the incident had ended.
        left: due, but left for the next run because this one took long.
    """

    ok: int = 0
    retry: int = 0
    permanent: int = 0
    ambiguous: int = 0
    quota: int = 0
    cancelled: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class _Leased:
    """A message that this worker has leased: the row as read, the progress it wrote, what to send or why not."""

    row: AnyRow
    progress: DeliveryProgress
    message: OutgoingMessage
    refused: Failure | None


class Sender:
    """Any number of senders may run on one database.

    Args:
        db: the relational store.
        channels: by the name that contact methods use.
        owner: name of this worker; different workers, different names.
        links: signs the page of a message; None sends none.
        settings: leases and retries.
    """

    def __init__(
        self,
        db: Engine,
        channels: Mapping[str, Channel],
        owner: str,
        links: Links | None = None,
        settings: AlertsSettings | None = None,
    ) -> None:
        self._db = db
        self._channels = channels
        self._owner = owner
        self._links = links
        self._settings = settings or AlertsSettings()

    def run_due(self, now_ms: int) -> SendReport:
        """Try every message that is due at ``now_ms`` (ms UTC), calls for help and then the oldest first.

        Nothing is sent inside a transaction. A channel that is slow to say that it cannot is left for the next run, so
        that it does not hold up the others.

        Raises:
            ExceptionGroup: some messages could not be bundled, read or recorded; all others were seen to. What was not
                bundled is sent one by one, and what was sent but not recorded is sent again with the same key.
        """
        counts: Counter[str] = Counter()
        faults = Faults()
        self._each(bundles.orphaned, bundles.release, now_ms, faults)
        with faults.apart("bundles; what is not bundled is sent one by one"):
            bundles.bundle_due(self._db, now_ms, self._settings)
        self._each(bundles.refused, bundles.exclude, now_ms, faults)
        with reading(self._db) as connection:
            ids = list(connection.execute(_DUE_IDS, {"now_ms": now_ms}))
        began_s = time.monotonic()
        waited_s: dict[str, float] = defaultdict(float)  # in vain, by channel
        for number, (delivery_id, channel) in enumerate(ids):
            # now_ms ages while channels are slow, and a lease taken in the past may be over before it is used.
            if time.monotonic() - began_s > self._settings.lease_s / 2:
                counts["left"] += len(ids) - number
                break
            if waited_s[channel] > self._settings.lease_s / _IN_VAIN:
                counts["left"] += 1
                continue
            tried_s = time.monotonic()
            with faults.apart(f"delivery {delivery_id}"):
                word = self._deliver(delivery_id, now_ms)
                counts.update([word] if word else [])
                if word != SendOutcome.OK:
                    waited_s[channel] += time.monotonic() - tried_s
        faults.raise_together("some messages could not be bundled, read or recorded")
        return SendReport(**counts)

    def _each(
        self,
        find: Callable[[Connection, int], list[str]],
        work: Callable[[Connection, str, int], None],
        now_ms: int,
        faults: Faults,
    ) -> None:
        """Each message found in a transaction of its own, since each locks its incident first."""
        found: list[str] = []
        with faults.apart("messages of bundles"), reading(self._db) as connection:
            found = find(connection, now_ms)
        for message_id in found:
            with faults.apart(f"delivery {message_id}"):
                transitions.in_transaction(self._db, work, message_id, now_ms)

    def _deliver(self, delivery_id: str, now_ms: int) -> str | None:
        """One message; what became of it in a word of `SendReport`, None when another worker has it."""
        lease = transitions.in_transaction(self._db, self._lease, delivery_id, now_ms)
        if not isinstance(lease, _Leased):
            return lease
        result = self._send(lease)
        transitions.in_transaction(self._db, self._record, lease, result, now_ms)
        log.info("delivery %s by %s: %s", delivery_id, lease.row.channel, result.outcome)
        return str(result.outcome)

    def _lease(self, connection: Connection, delivery_id: str, now_ms: int) -> _Leased | str | None:
        own = {"delivery_id": delivery_id}
        ended = lock_incident(connection, connection.execute(_INCIDENT_OF, own).scalar_one()) in TERMINAL
        row = connection.execute(_LOCKED, own).one()
        before = receipts.progress_of(connection, row)
        move = before_attempt(before, now_ms, self._settings, wanted=not ended or row.purpose == Purpose.NEWS)
        if move is None or connection.execute(_change(row, move.progress, self._owner, now_ms)).rowcount != 1:
            return None
        _end_tries(connection, row.id, move, now_ms)
        if move.progress.state is DeliveryState.SENDING:
            tries = move.progress.tries
            connection.execute(insert(attempts).values(delivery_id=row.id, n=tries, started_ms=now_ms))
            message = self._message(connection, row, now_ms, ended=ended)
            return _Leased(row, move.progress, message, refusal(connection, row, now_ms))
        return str(move.progress.state)

    def _message(self, connection: Connection, row: AnyRow, now_ms: int, *, ended: bool) -> OutgoingMessage:
        others = bundles.others_in(connection, row.id)
        is_bundle, text = others > 0, bundles.text_of(connection, row, others)
        links = self._links if is_bundle or not ended else None  # else there is nothing left to answer
        incident = connection.execute(_INCIDENT_ROW, {"case_id": row.incident_id}).one()
        about = subject_of(connection, row.incident_id)
        since_ms = receipts.ambiguous_since_ms(connection, row.id)
        language = language_of(connection, row.person_id)
        caller = callers.caller_of(connection, row.incident_id, row.created_ms)  # the same at every try
        return OutgoingMessage(
            delivery_id=row.id,
            person_id=row.person_id,
            address=connection.execute(_ADDRESS, {"method": row.contact_method_id}).scalar_one(),
            subject=text.subject,
            body=text.body,
            link=links.url(row.id, row.created_ms) if links else None,
            token=links.sign(row.id, row.created_ms) if links else None,
            purpose=row.purpose,
            language=language,
            expires_ms=row.expires_ms,
            at_ms=now_ms,
            kind="" if is_bundle else incident.kind,  # its text is not that of one incident
            name=about.name,
            area=about.area,
            caller=callers.named(connection, caller, incident.person_id or "", language),
            ambiguous_since_ms=since_ms,
            not_this=frozenset() if since_ms is None else receipts.not_this(connection, row, since_ms),
        )

    def _send(self, lease: _Leased) -> SendResult:
        if lease.refused is not None:
            return SendResult(SendOutcome.PERMANENT, failure=lease.refused)
        channel = self._channels.get(lease.row.channel)
        if channel is None:
            return SendResult(SendOutcome.PERMANENT, failure=Failure.NO_CHANNEL)
        return try_once(lease.row.channel, channel, lease.message)

    def _record(self, connection: Connection, lease: _Leased, result: SendResult, now_ms: int) -> None:
        row = lease.row
        lock_incident(connection, row.incident_id)
        this_try = (attempts.c.delivery_id == row.id) & (attempts.c.n == lease.progress.tries)
        ended = asdict(result) | {"ended_ms": now_ms}
        connection.execute(update(attempts).where(this_try & attempts.c.outcome.is_(None)).values(ended))
        after = after_attempt(lease.progress, result, now_ms, self._settings)
        if result.outcome is SendOutcome.OK:
            note_contact_ok(connection, row.contact_method_id, now_ms)
        mine = (
            (deliveries.c.id == row.id)
            & (deliveries.c.state == DeliveryState.SENDING)
            & (deliveries.c.lease_owner == self._owner)
            & (deliveries.c.lease_until_ms == lease.progress.lease_until_ms)
        )
        written = connection.execute(update(deliveries).where(mine).values(receipts.columns_of(after, now_ms))).rowcount
        if written and after.state in FAILED:
            fail_over(connection, row, now_ms, "alerts.sender")
        elif result.outcome is SendOutcome.OK:
            receipts.apply_receipts(connection, row.id, now_ms, self._settings)  # one that came before this record


def try_once(name: str, channel: Channel, message: OutgoingMessage) -> SendResult:
    """Send a message by the channel of this name; where that raises, nobody knows whether it went out."""
    try:
        return channel.send(message)
    except Exception as error:  # noqa: BLE001 - whatever it was: recorded as ambiguous, and sent again or shown
        # The text of the error may hold an address: only its type is kept.
        log.error("message %s by %s: %s", message.delivery_id, name, type(error).__name__)
        return SendResult(SendOutcome.AMBIGUOUS, detail=type(error).__name__)


_DUE_IDS: Final = (
    select(deliveries.c.id, deliveries.c.channel)
    .join(incidents, incidents.c.id == deliveries.c.incident_id)
    .where(messages_to_send.is_due())
    .order_by(
        case((incidents.c.kind == SignalKind.HELP, 0), (wants_help(), 0), else_=1),
        deliveries.c.due_ms,
        deliveries.c.created_ms,
        deliveries.c.id,
    )
)
"""What is due, and what a worker that died had leased: calls for help first, then the longest due."""
_INCIDENT_OF: Final = select(deliveries.c.incident_id).where(deliveries.c.id == bindparam("delivery_id"))
_LOCKED: Final = select(deliveries).where(deliveries.c.id == bindparam("delivery_id")).with_for_update()
_INCIDENT_ROW: Final = select(incidents).where(incidents.c.id == bindparam("case_id"))
_ADDRESS: Final = select(contact_methods.c.address).where(contact_methods.c.id == bindparam("method"))


def _change(row: AnyRow, after: DeliveryProgress, owner: str, now_ms: int) -> Update:
    """The compare-and-set from the row as read."""
    same_lease = deliveries.c.lease_until_ms.is_not_distinct_from(row.lease_until_ms)
    unchanged = (deliveries.c.id == row.id) & (deliveries.c.state == row.state) & same_lease
    holder = owner if after.state is DeliveryState.SENDING else None
    return update(deliveries).where(unchanged).values(lease_owner=holder, **receipts.columns_of(after, now_ms))


def _end_tries(connection: Connection, delivery_id: str, move: Move, now_ms: int) -> None:
    """A try whose worker died gets the outcome that is known of it."""
    if move.previous is None:
        return
    lost = (attempts.c.delivery_id == delivery_id) & attempts.c.outcome.is_(None)
    outcome = {"outcome": move.previous, "failure": Failure.INTERRUPTED}
    connection.execute(update(attempts).where(lost).values(ended_ms=now_ms, **outcome))
