"""The vendors' webhook events, each recorded once, in the transaction of its effect.

A vendor delivers an event again when our answer was lost, late or twice by mistake. Whoever takes one asks `is_known`
first and calls `record` in the same transaction: either both the effect and the record stand, or neither.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from store.schema import vendor_events


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


def is_known(connection: Connection, channel: str, event_id: str) -> bool:
    """Whether the event was recorded before."""
    same = vendor_events.c.id == key_of(channel, event_id)
    return connection.execute(select(vendor_events.c.id).where(same)).first() is not None


def is_overtaken(connection: Connection, event: VendorEvent, outcomes: Collection[str]) -> bool:
    """Whether an event about the same contact method that happened later had one of these outcomes before it came."""
    same = (vendor_events.c.channel == event.channel) & (vendor_events.c.about == event.about)
    later = same & vendor_events.c.outcome.in_(outcomes) & (vendor_events.c.at_ms > event.at_ms)
    return connection.execute(select(vendor_events.c.id).where(later)).first() is not None


def record(connection: Connection, event: VendorEvent, received_ms: int, outcome: str) -> None:
    """Record an event that was not known.

    Args:
        connection: the open transaction of its effect.
        event: which.
        received_ms: when it came, ms UTC.
        outcome: a word for what became of it; nothing personal.

    Raises:
        IntegrityError: another worker recorded it at the same moment; its effect stands, this transaction must not.
    """
    connection.execute(
        insert(vendor_events).values(
            id=key_of(event.channel, event.id),
            channel=event.channel,
            kind=event.kind,
            at_ms=event.at_ms,
            received_ms=received_ms,
            outcome=outcome,
            about=event.about,
        )
    )
