"""What alerts need from a way of reaching people."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from alerts.errors import Failure


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message to one address.

    Attributes:
        delivery_id: UUID, the same at every try: the key by which a vendor, or a folder, tells a resend.
        person_id: who it is for.
        address: phone number, LINE user id, folder of a phone …; secret, never logged.
        subject: a few words.
        body: who, where to look, what to do. No link in it, no sensor data.
        link: signed page with the answers; None where there is nothing left to answer.
        purpose: ``ask`` | ``call`` | ``staff`` | ``news``, or ``test`` for one of no incident
            (see `alerts.tools.test_message`).
        language: ``ja`` or ``en``.
        expires_ms: when it is of no more use (ms UTC): the vendor's validity period.
        at_ms: when this try was made (ms UTC).
        token: the signed name of the message, for an answer without the page; None where there is nothing left to
            answer. Secret like the link, and the same at every try.
        kind: of the incident (`contracts.signals.SignalKind`); empty where it is not known.
        name: whom it is about; personal, never logged.
        area: town or district of their home, may be empty.
        caller: who called 119 for them, in the reader's language; personal; empty: nobody did.
        ambiguous_since_ms: when the first try of this message began whose outcome nobody knows (ms UTC). A channel
            without a key that tells a resend first asks the vendor whether the message is there. None: no such try.
        not_this: vendor's names that the look-up must not take for this message: other messages to the same address,
            and tries of this one that have failed since.
    """

    delivery_id: str
    person_id: str
    address: str
    subject: str
    body: str
    link: str | None
    purpose: str
    language: str
    expires_ms: int
    at_ms: int
    token: str | None = None
    kind: str = ""
    name: str = ""
    area: str = ""
    caller: str = ""
    ambiguous_since_ms: int | None = None
    not_this: frozenset[str] = frozenset()


class SendOutcome(StrEnum):
    """What became of one try to send."""

    OK = "ok"
    """Accepted. Not yet delivered, not yet read, and no answer."""
    RETRY = "retry"
    """Surely not accepted; may work later."""
    PERMANENT = "permanent"
    """Surely not accepted, and never will be at this address."""
    AMBIGUOUS = "ambiguous"
    """Nobody knows: time-out, error after sending. Sent again with the same key."""
    QUOTA = "quota"
    """No messages left: another channel is used now."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What a channel says of one try.

    Attributes:
        outcome: one of `SendOutcome`.
        vendor_id: the vendor's name for the message; None when it gave none.
        detail: a few words for the record, which nothing reads; no address, no token.
        failure: why it was not accepted, where the channel knows more than ``outcome`` says; None: no more.
    """

    outcome: SendOutcome
    vendor_id: str | None = None
    detail: str = ""
    failure: Failure | None = None


class ReceiptKind(StrEnum):
    """What a vendor says afterwards of a message, or a call, that it took."""

    SENT = "sent"
    """It is on its way: proof that it was taken."""
    DELIVERED = "delivered"
    """It reached the phone, or a human answered the call."""
    READ = "read"
    """It was read, or a key was pressed."""
    AGAIN = "again"
    """It did not reach the phone now and may later: switched off, busy, nobody answered, an answering machine."""
    FAILED = "failed"
    """It did not reach the phone, and will not at this address."""


class Channel(Protocol):
    """One way of reaching people. Promises: `send` returns within half of the sender's lease and logs no address."""

    @property
    def name(self) -> str:
        """The word that ``contact_methods.channel`` uses."""

    def send(self, message: OutgoingMessage) -> SendResult:
        """Try once. An exception counts as ambiguous, so raise only when nothing is known."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many messages a vendor lets us send in its period.

    Attributes:
        limit: in the period; None: no limit.
        used: so far.
    """

    limit: int | None
    used: int

    @property
    def left(self) -> int | None:
        """How many are left; None: no limit."""
        return None if self.limit is None else max(self.limit - self.used, 0)


@runtime_checkable
class Metered(Protocol):
    """What a channel offers besides whose vendor counts its messages. Not part of the way of an alert."""

    def quota(self) -> Quota:
        """Ask the vendor, within seconds. An exception means that it did not say: out of reach, or no credentials."""
