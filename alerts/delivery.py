"""One message to one contact method: a pure state machine around intent, lease, send and record.

::

    pending ──lease──> sending ──ok──────────> accepted ──> delivered ──> read
       ^                  │──retry──────────> retry_wait ──> (lease again)
       │                  │──ambiguous, or the lease ran out──> unknown ──> (lease again, same key)
       │                  └──permanent, quota──> failed
    pending, retry_wait, unknown ──incident ended, or superseded──> cancelled
    sending ──and the next try would be too late──> expired (counts as failed)
    accepted, delivered ──undelivered, or the reader blocked the channel──> failed

A message that is due is tried, however late it has become: as long as its incident is open, it is still to be said.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.errors import Failure
from alerts.ports import Outcome, SendResult
from alerts.settings import Settings


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


WAITING: Final = frozenset({DeliveryState.PENDING, DeliveryState.RETRY_WAIT, DeliveryState.UNKNOWN})
"""To be sent (again) when due."""
FAILED: Final = frozenset({DeliveryState.FAILED, DeliveryState.EXPIRED})
"""This way of reaching the person is used up."""
ACCEPTED: Final = frozenset({DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.READ})
"""A channel has taken it."""
HEARD: Final = ACCEPTED | {DeliveryState.SENDING, DeliveryState.UNKNOWN}
"""The person may have got it."""
_RECEIPTS: Final = (DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.READ)


@dataclass(frozen=True, slots=True)
class Progress:
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

    progress: Progress
    previous: Outcome | None = None


def begin(progress: Progress, now_ms: int, settings: Settings, *, wanted: bool) -> Move | None:
    """What to do with a message that may be due; None: nothing now.

    A lease that ran out means that a worker died with the message in its hand: the try counts as ambiguous and the
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
    previous = Outcome.AMBIGUOUS if died else None
    if not wanted:
        return Move(_settled(progress, DeliveryState.CANCELLED, Failure.ENDED), previous)
    lease_ms = now_ms + 1000 * settings.lease_s
    leased = Progress(DeliveryState.SENDING, progress.due_ms, progress.expires_ms, progress.tries + 1, lease_ms)
    return Move(leased, previous)


def tried(progress: Progress, result: SendResult, now_ms: int, settings: Settings) -> Progress:
    """Where a message stands after a try."""
    match result.outcome:
        case Outcome.OK:
            return _settled(progress, DeliveryState.ACCEPTED, None)
        case Outcome.PERMANENT:
            return _settled(progress, DeliveryState.FAILED, Failure.REFUSED)
        case Outcome.QUOTA:
            return _settled(progress, DeliveryState.FAILED, Failure.QUOTA)
        case Outcome.RETRY:
            return _again(progress, DeliveryState.RETRY_WAIT, now_ms, settings)
        case Outcome.AMBIGUOUS:
            return _again(progress, DeliveryState.UNKNOWN, now_ms, settings)


def received(state: DeliveryState, receipt: DeliveryState) -> DeliveryState:
    """The state after a vendor's receipt, which may come twice, late or out of order: it only ever goes forward."""
    if state in _RECEIPTS and receipt in _RECEIPTS:
        return max(state, receipt, key=_RECEIPTS.index)
    return state


def back_off_s(tries: int, settings: Settings) -> int:
    """Seconds between the try number ``tries`` and the next: doubling, bounded."""
    doublings = min(tries - 1, 16)
    return min(settings.retry_first_s << doublings, settings.retry_longest_s)


def _again(progress: Progress, state: DeliveryState, now_ms: int, settings: Settings) -> Progress:
    due_ms = now_ms + 1000 * back_off_s(progress.tries, settings)
    if due_ms >= progress.expires_ms:  # said now, not later: another way may still reach the person in time
        return _settled(progress, DeliveryState.EXPIRED, Failure.EXPIRED)
    return Progress(state, due_ms, progress.expires_ms, progress.tries)


def _settled(progress: Progress, state: DeliveryState, failure: Failure | None) -> Progress:
    return Progress(state, progress.due_ms, progress.expires_ms, progress.tries, None, failure)
