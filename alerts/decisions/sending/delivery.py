"""One message to one contact method: a pure state machine around intent, lease, send and record.

::

    pending ──lease──> sending ──ok──────────> accepted ──> delivered ──> read
       ^                  │──retry──────────> retry_wait ──> (lease again)
       │                  │──ambiguous, or the lease ran out──> unknown ──> (lease again, same key)
       │                  └──permanent, quota──> failed
    pending, retry_wait, unknown ──incident ended, or superseded──> cancelled
    sending ──and the next try would be too late──> expired (counts as failed)
    accepted, delivered ──the reader blocked the channel──> failed
    sending, retry_wait, unknown, failed ──receipt: on its way──> accepted
    accepted ──receipt: not reached now──> retry_wait, or expired
    accepted ──receipt: will not be reached──> failed

A message that is due is tried, however late it has become: as long as its incident is open, it is still to be said.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeAlias

from alerts.errors import Failure
from alerts.ports import ReceiptKind, SendOutcome, SendResult
from contracts.backoff import backoff_s


class Times(Protocol):
    """How long a try may take and how long is waited after one, in seconds; as in `alerts.settings.AlertsSettings`."""

    @property
    def lease_s(self) -> int: ...  # noqa: D102
    @property
    def retry_first_s(self) -> int: ...  # noqa: D102
    @property
    def retry_longest_s(self) -> int: ...  # noqa: D102


class DeliveryState(StrEnum):
    """Where a message is. Accepted is not delivered, delivered is not read, read is not an answer."""

    PENDING = "pending"
    SENDING = "sending"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    READ = "read"
    RETRY_WAIT = "retry_wait"
    UNKNOWN = "unknown"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    BUNDLED = "bundled"
    """Told in the message of another one, and stands where that one does; see `alerts.delivery.bundles`."""


WAITING: Final = frozenset({DeliveryState.PENDING, DeliveryState.RETRY_WAIT, DeliveryState.UNKNOWN})
"""To be sent (again) when due."""
FAILED: Final = frozenset({DeliveryState.FAILED, DeliveryState.EXPIRED})
"""This way of reaching the person is used up."""
ACCEPTED: Final = frozenset({DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.READ})
"""A channel has taken it."""
MAY_HAVE_ARRIVED: Final = ACCEPTED | {DeliveryState.SENDING, DeliveryState.UNKNOWN}
"""The person may have got it."""
NOT_REACHED_S: Final = 60
"""A phone that was off, busy or not picked up is given this long at least."""
Receipts: TypeAlias = Mapping[str, Collection[ReceiptKind]]
"""What a vendor said of each of its messages, by the vendor's name for it."""
_OVER: Final = frozenset({ReceiptKind.AGAIN, ReceiptKind.FAILED})


@dataclass(frozen=True, slots=True)
class DeliveryProgress:
    """Where a message is.

    Attributes:
        state: see above.
        due_ms: when it is to be tried (again); ms UTC.
        expires_ms: no further try is planned for this moment or later.
        tries: tries begun so far.
        lease_until_ms: end of the lease while sending.
        failure: why it failed.
    """

    state: DeliveryState
    due_ms: int
    expires_ms: int
    tries: int = 0
    lease_until_ms: int | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A new state, and what became of the try before it (None: there was none, or it said so itself)."""

    progress: DeliveryProgress
    previous: SendOutcome | None = None


def before_attempt(progress: DeliveryProgress, now_ms: int, settings: Times, *, wanted: bool) -> Move | None:
    """What to do with a message that may be due; None: nothing now.

    A lease that ran out means that a worker died with the message under its lease: the try counts as ambiguous and the
    same worker or another sends again, with the same key.

    Args:
        progress: as stored.
        now_ms: now, ms UTC.
        settings: lease and retry times.
        wanted: False when the incident ended, so that a question or a call must not go out any more.
    """
    died = progress.state is DeliveryState.SENDING
    ready_ms = progress.lease_until_ms if died else progress.due_ms
    if (not died and progress.state not in WAITING) or ready_ms is None or ready_ms > now_ms:
        return None
    previous = SendOutcome.AMBIGUOUS if died else None
    if not wanted:
        return Move(_settled(progress, DeliveryState.CANCELLED, Failure.ENDED), previous)
    lease_ms = now_ms + 1000 * settings.lease_s
    leased = DeliveryProgress(DeliveryState.SENDING, progress.due_ms, progress.expires_ms, progress.tries + 1, lease_ms)
    return Move(leased, previous)


def after_attempt(progress: DeliveryProgress, result: SendResult, now_ms: int, settings: Times) -> DeliveryProgress:
    """Where a message stands after a try."""
    match result.outcome:
        case SendOutcome.OK:
            return _settled(progress, DeliveryState.ACCEPTED, None)
        case SendOutcome.PERMANENT:
            return _settled(progress, DeliveryState.FAILED, result.failure or Failure.REFUSED)
        case SendOutcome.QUOTA:
            return _settled(progress, DeliveryState.FAILED, result.failure or Failure.QUOTA)
        case SendOutcome.RETRY:
            return _again(progress, DeliveryState.RETRY_WAIT, now_ms, settings)
        case SendOutcome.AMBIGUOUS:
            return _again(progress, DeliveryState.UNKNOWN, now_ms, settings)


def with_receipts(
    progress: DeliveryProgress, receipts: Receipts, accepted_as: Sequence[str], now_ms: int, settings: Times
) -> DeliveryProgress:
    """Where a message stands after all receipts so far, which may come twice, late or out of order.

    It depends on which receipts there are, not on their order: delivered outlasts failed, read outlasts both, and a
    message that one of several tries may still deliver has not failed.

    Args:
        progress: as stored.
        receipts: what the vendor said, by its name for the message.
        accepted_as: the vendor's names of the tries that were accepted, oldest first.
        now_ms: now, ms UTC.
        settings: retry times.
    """
    if progress.state is DeliveryState.CANCELLED:
        return progress
    said = {kind for kinds in receipts.values() for kind in kinds}
    for kind, state in ((ReceiptKind.READ, DeliveryState.READ), (ReceiptKind.DELIVERED, DeliveryState.DELIVERED)):
        if kind in said or progress.state is state:
            return progress if progress.state is state else _settled(progress, state, None)
    over = {vendor_id for vendor_id, kinds in receipts.items() if _OVER & set(kinds)}
    alive = (set(receipts) | set(accepted_as)) - over
    if alive:
        return (
            progress if progress.state is DeliveryState.ACCEPTED else _settled(progress, DeliveryState.ACCEPTED, None)
        )
    last = receipts.get(accepted_as[-1], ()) if accepted_as else said
    if ReceiptKind.FAILED in last and progress.state in (DeliveryState.ACCEPTED, DeliveryState.RETRY_WAIT):
        return _settled(progress, DeliveryState.FAILED, Failure.REFUSED)
    if over and progress.state is DeliveryState.ACCEPTED:
        return _again(progress, DeliveryState.RETRY_WAIT, now_ms, settings, NOT_REACHED_S)
    return progress


def back_off_s(tries: int, settings: Times) -> int:
    """Seconds between the try number ``tries`` and the next."""
    return round(backoff_s(tries, settings.retry_first_s, settings.retry_longest_s))


def _again(
    progress: DeliveryProgress, state: DeliveryState, now_ms: int, settings: Times, least_s: int = 0
) -> DeliveryProgress:
    due_ms = now_ms + 1000 * max(back_off_s(progress.tries, settings), least_s)
    if due_ms >= progress.expires_ms:  # said now, not later: another way may still reach the person in time
        return _settled(progress, DeliveryState.EXPIRED, Failure.EXPIRED)
    return DeliveryProgress(state, due_ms, progress.expires_ms, progress.tries)


def _settled(progress: DeliveryProgress, state: DeliveryState, failure: Failure | None) -> DeliveryProgress:
    return DeliveryProgress(state, progress.due_ms, progress.expires_ms, progress.tries, None, failure)
