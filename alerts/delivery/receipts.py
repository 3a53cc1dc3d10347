"""What a vendor says of a message after it took it: on its way, delivered, read, not reached, failed.

Receipts come twice, late, out of order, and before the sender has recorded the send. So each is kept as a fact, and the
message's state is made of all the facts there are. A failure falls over to the next contact method in the same
transaction.
"""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection, Engine, bindparam, func, or_, select, union, update

from alerts.decisions.model import TERMINAL, Purpose
from alerts.decisions.sending.delivery import ACCEPTED, FAILED, WAITING, DeliveryProgress, DeliveryState, with_receipts
from alerts.delivery.failover import fail_over, lock_incident
from alerts.errors import Failure
from alerts.incidents import transitions
from alerts.ports import ReceiptKind, SendOutcome
from alerts.register import AnyRow, grouped
from alerts.settings import AlertsSettings
from store.schema import attempts, contact_methods, deliveries, receipts
from store.upserts import add_once

LONGEST_ID: Final = 128
LONGEST_DETAIL: Final = 200
_MARGIN_MS: Final = 10 * 60_000  # a message of another delivery, begun this long before, may look like this one


@dataclass(frozen=True, slots=True)
class Receipt:
    """One thing that a vendor said.

    Attributes:
        delivery_id: our id of the message, from the signed address that the vendor called.
        vendor_id: the vendor's name for the message or the call, at most `LONGEST_ID` characters.
        kind: what became of it.
        detail: a few words for the record, such as an error code; no address. Cut to `LONGEST_DETAIL`.
    """

    delivery_id: str
    vendor_id: str
    kind: ReceiptKind
    detail: str = ""


class ReceiptResult(StrEnum):
    """What a receipt did."""

    CHANGED = "changed"
    """The message stands elsewhere now."""
    STORED = "kept"
    """New, and nothing follows from it."""
    REPEATED = "repeated"
    """Known before: nothing was done."""
    UNKNOWN = "unknown"
    """Of a message that is not known, or no longer: nothing was done."""


def record_receipt(db: Engine, receipt: Receipt, now_ms: int, settings: AlertsSettings) -> ReceiptResult:
    """Keep a receipt, and do what follows from it, in one transaction.

    Raises:
        ValueError: the vendor's name for the message is empty or too long.
    """
    if not 0 < len(receipt.vendor_id) <= LONGEST_ID:
        raise ValueError(f"a vendor's name for a message has 1 to {LONGEST_ID} characters")
    return transitions.in_transaction(db, record_receipt_in, receipt, now_ms, settings)


def record_receipt_in(connection: Connection, receipt: Receipt, now_ms: int, settings: AlertsSettings) -> ReceiptResult:
    """As `record_receipt`, in the caller's transaction, which has nothing locked but perhaps the incident."""
    own = select(deliveries.c.incident_id).where(deliveries.c.id == receipt.delivery_id)
    incident_id = connection.execute(own).scalar()
    if incident_id is None:
        return ReceiptResult.UNKNOWN
    lock_incident(connection, incident_id)  # also makes two receipts of one message wait for each other
    row = asdict(receipt) | {"at_ms": now_ms, "detail": receipt.detail[:LONGEST_DETAIL]}
    if not add_once(connection, receipts, row):
        return ReceiptResult.REPEATED
    is_moved = apply_receipts(connection, receipt.delivery_id, now_ms, settings)
    return ReceiptResult.CHANGED if is_moved else ReceiptResult.STORED


def apply_receipts(connection: Connection, delivery_id: str, now_ms: int, settings: AlertsSettings) -> bool:
    """Bring a message to where its receipts say it is; the incident is locked. Says whether it moved."""
    said = connection.execute(_SAID, {"delivery": delivery_id})
    facts = grouped((vendor_id, ReceiptKind(kind)) for vendor_id, kind in said)
    if not facts:
        return False
    row = connection.execute(select(deliveries).where(deliveries.c.id == delivery_id).with_for_update()).one()
    accepted_as = _accepted_as(connection, delivery_id)
    before = progress_of(connection, row)
    after = with_receipts(before, facts, accepted_as, now_ms, settings)
    if after == before:
        return False
    wanted = _is_wanted(connection, row)
    if after.state is DeliveryState.RETRY_WAIT and not wanted:
        after = replace(after, state=DeliveryState.FAILED, failure=Failure.REFUSED)
    values = columns_of(after, now_ms) | {"lease_owner": None}
    if before.state in ACCEPTED and after.state in ACCEPTED:
        del values["settled_ms"]  # when it was accepted: that moment began the time to answer
    connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(values))
    if after.state in FAILED and wanted:
        fail_over(connection, row, now_ms, "alerts.receipts")
    return True


def ambiguous_since_ms(connection: Connection, delivery_id: str) -> int | None:
    """When the first try of a message began whose outcome nobody knows (ms UTC); None: there is none."""
    since: int | None = connection.execute(_FIRST_UNKNOWN, {"delivery": delivery_id}).scalar()
    return since


_FIRST_UNKNOWN: Final = select(func.min(attempts.c.started_ms)).where(
    attempts.c.delivery_id == bindparam("delivery"), attempts.c.outcome == SendOutcome.AMBIGUOUS
)


def not_this(connection: Connection, row: AnyRow, since_ms: int) -> frozenset[str]:
    """Vendor's names that cannot be this message of ``deliveries``.

    Those are other messages to the same address since the ambiguous try, and tries of this message that are over:
    taking one of them for this message would lose it.
    """
    address = select(contact_methods.c.address).where(contact_methods.c.id == row.contact_method_id).scalar_subquery()
    same_phone = select(contact_methods.c.id).where(contact_methods.c.address == address)
    others = select(deliveries.c.id).where(deliveries.c.contact_method_id.in_(same_phone), deliveries.c.id != row.id)
    recent = attempts.c.started_ms >= since_ms - _MARGIN_MS
    tried = select(attempts.c.vendor_id).where(attempts.c.delivery_id.in_(others), recent)
    told = select(receipts.c.vendor_id).where(
        or_(
            receipts.c.delivery_id.in_(others) & (receipts.c.at_ms >= since_ms - _MARGIN_MS),
            (receipts.c.delivery_id == row.id) & receipts.c.kind.in_([ReceiptKind.AGAIN, ReceiptKind.FAILED]),
        )
    )
    return frozenset(name for name in connection.execute(union(tried, told)).scalars() if name)


_SAID: Final = select(receipts.c.vendor_id, receipts.c.kind).where(receipts.c.delivery_id == bindparam("delivery"))


def _accepted_as(connection: Connection, delivery_id: str) -> list[str]:
    accepted = (attempts.c.delivery_id == delivery_id) & (attempts.c.outcome == SendOutcome.OK)
    named = select(attempts.c.vendor_id).where(accepted, attempts.c.vendor_id.is_not(None)).order_by(attempts.c.n)
    return [str(name) for name in connection.execute(named).scalars()]


def progress_of(connection: Connection, row: AnyRow) -> DeliveryProgress:
    """Where a message of ``deliveries`` stands."""
    return DeliveryProgress(
        DeliveryState(row.state),
        row.due_ms,
        row.expires_ms,
        connection.execute(_TRIES, {"delivery": row.id}).scalar_one(),
        row.lease_until_ms,
    )


def columns_of(progress: DeliveryProgress, now_ms: int) -> dict[str, object]:
    """The columns of ``deliveries`` that say where a message stands from now on."""
    open_still = progress.state in WAITING or progress.state is DeliveryState.SENDING
    return {
        "state": progress.state,
        "failure": progress.failure,
        "due_ms": progress.due_ms,
        "lease_until_ms": progress.lease_until_ms,
        "settled_ms": None if open_still else now_ms,
    }


_TRIES: Final = select(func.count()).select_from(attempts).where(attempts.c.delivery_id == bindparam("delivery"))


def _is_wanted(connection: Connection, row: AnyRow) -> bool:
    """Whether it is still wanted: the incident is open and no newer message asks the same person, or it is news."""
    if row.purpose == Purpose.NEWS:
        return True
    if lock_incident(connection, row.incident_id) in TERMINAL:
        return False
    newer = (
        (deliveries.c.incident_id == row.incident_id)
        & (deliveries.c.person_id == row.person_id)
        & (deliveries.c.purpose != Purpose.NEWS)
        & (deliveries.c.epoch > row.epoch)
    )
    return connection.execute(select(deliveries.c.id).where(newer)).first() is None
