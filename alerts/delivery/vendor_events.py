"""The vendors' webhook events, each recorded once, in the transaction of its effect.

A vendor delivers an event again when our answer was lost, late, or twice at the same moment. Whoever takes one calls
`admit` first and `record_outcome` in the same transaction: either both the effect and the record stand, or neither.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, select, update

from store.schema import vendor_events
from store.upserts import add_once

_UNSETTLED: Final = ""  # never seen by others: the outcome is written before the transaction ends


@dataclass(frozen=True, slots=True)
class VendorEvent:
    """One event, as it is recorded.

    Attributes:
        channel: as in the contact methods.
        id: the vendor's name of it.
        kind: the vendor's word for it.
        at_ms: when it happened as the vendor says, ms UTC.
        about: id of the contact method that it came by; None: of nobody in the register.
    """

    channel: str
    id: str
    kind: str
    at_ms: int
    about: str | None = None


def key_of(channel: str, event_id: str) -> str:
    """The name of an event over all vendors; also the ``vendor_event_id`` of the answer that came by it."""
    return f"{channel}:{event_id}"


def admit(connection: Connection, event: VendorEvent, received_ms: int) -> bool:
    """Take an event into this transaction; False: it had its effect before, and nothing is to be done.

    The same event in another worker's hand makes this one wait until that transaction has ended: it then knows. The row
    is the first thing that is locked, so that nobody who waits for it holds anything.

    Args:
        connection: the open transaction of its effect; `record_outcome` is called in it.
        event: which.
        received_ms: when it came, ms UTC.
    """
    settled = {"id": key_of(event.channel, event.id), "received_ms": received_ms, "outcome": _UNSETTLED}
    return add_once(connection, vendor_events, asdict(event) | settled)


def record_outcome(connection: Connection, event: VendorEvent, outcome: str) -> None:
    """Write down what became of an event that this transaction admitted, and by which contact method it came.

    Args:
        connection: the transaction.
        event: which; ``about`` may have become known since.
        outcome: a word for what became of it; nothing personal.
    """
    own = vendor_events.c.id == key_of(event.channel, event.id)
    connection.execute(update(vendor_events).where(own).values(outcome=outcome, about=event.about))


def is_overtaken(connection: Connection, event: VendorEvent, outcomes: Collection[str]) -> bool:
    """Whether an event about the same contact method that happened later had one of these outcomes before it came."""
    same = (vendor_events.c.channel == event.channel) & (vendor_events.c.about == event.about)
    later = same & vendor_events.c.outcome.in_(outcomes) & (vendor_events.c.at_ms > event.at_ms)
    return connection.execute(select(vendor_events.c.id).where(later)).first() is not None
