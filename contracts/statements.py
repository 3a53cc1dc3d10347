"""A statement: who said or showed what about whom, when, and by which channel. Written once, never changed.

Ingest writes what is pressed in the home, alerts write what people say and record. Whoever wants to know what holds for
a person reads the fold over all of it (`alerts.decisions.standing`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class StatementKind(StrEnum):
    """What was said or shown."""

    HELP = "help"
    """The person needs help: the button, or the answer to a question."""
    HELP_EXPIRED = "help_expired"
    """The help button, received so late that it calls nobody; it stays in the ledger."""
    OK = "ok"
    """The person is all right: the button, or the answer to a question."""
    GOING = "going"
    """A responder goes there."""
    SAFE = "safe"
    """A responder found the person safe."""
    CANNOT = "cannot"
    """A responder cannot come."""
    CALLED_119 = "called_119"
    PHONED = "phoned"
    """Staff telephoned. It answers nothing."""
    CLOSED = "closed"
    """Staff recorded how the incident ended."""
    WROTE = "wrote"
    """Words where an answer was expected."""
    UNCLEAR = "unclear"
    """A reply that cannot be read as an answer."""
    OPTED_OUT = "opted_out"
    """A responder is contacted no more."""
    ABSENCE_BEGAN = "absence_began"
    ABSENCE_ENDED = "absence_ended"


ANSWERS: Final = (
    StatementKind.HELP,
    StatementKind.OK,
    StatementKind.GOING,
    StatementKind.SAFE,
    StatementKind.CANNOT,
    StatementKind.CALLED_119,
)
"""What answers a message; of the others nothing follows but that staff read them."""

CALLS_AND_ANSWERS: Final = (StatementKind.HELP, StatementKind.OK, StatementKind.SAFE, StatementKind.CLOSED)
"""A call for help and what can answer one: about a home, their order matters. It is settled as each is written."""

BUTTON: Final = "button"
"""The channel of what is pressed in the home."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, with the names of its columns in the ledger.

    Attributes:
        kind: what was said or shown.
        at_ms: the moment from which it counts (ms UTC). The order among statements about a home is the order of these;
            it was settled when the statement was written, from the two times below and what was known then.
        said_ms: when it was said, by the clock of the button or the vendor (ms UTC).
        received_ms: when it reached us (ms UTC).
        channel: how it came: `BUTTON`, ``line``, ``sms``, ``voice``, ``page``, ``board``, ….
        key: unique name at its source: ``button:gateway:epoch:n``, the vendor's id of the event, or a random one.
        home_id: whose home; None: about an area, or about nobody's home.
        person_id: whom it is about; None: about an area.
        said_by: person id of who said it; None: nobody of the register.
        incident_id: the incident that it was said about; None: about none.
        delivery_id: the message that it answers; None: no message.
        epoch: of that message, or of the incident; judges stale answers.
        outcome: what staff recorded, of `CLOSED`.
        note: free words, personal.
    """

    kind: StatementKind
    at_ms: int
    said_ms: int
    received_ms: int
    channel: str
    key: str
    home_id: str | None = None
    person_id: str | None = None
    said_by: str | None = None
    incident_id: str | None = None
    delivery_id: str | None = None
    epoch: int = 0
    outcome: str | None = None
    note: str = ""


def said_now(kind: StatementKind, channel: str, key: str, now_ms: int) -> Statement:
    """A statement that was made, heard and counts at one moment (ms UTC)."""
    return Statement(kind, now_ms, now_ms, now_ms, channel, key)


def button_key(gateway: str, epoch: str, n: int) -> str:
    """The key of a press: the same however often its event arrives."""
    return f"{outbox_prefix(gateway, epoch)}{n}"


def outbox_prefix(gateway: str, epoch: str) -> str:
    """With what the keys of all presses of one outbox begin."""
    return f"{BUTTON}:{gateway}:{epoch}:"


def number_of_press(key: str) -> int:
    """The number that the event of a press has in its outbox, from `button_key`."""
    return int(key.rpartition(":")[2])
