"""What can go wrong in alerts, and the words a failed delivery carries.

::

    AlertError
    ├── SignedLinkError     a link that changes nothing
    │   ├── InvalidLink     altered, signed with another secret, or of a message nobody knows
    │   └── ExpiredLink     too old
    ├── UnknownIncident     no such incident
    ├── UnusableInvitation  a code by which an account is linked: unknown, used, or too old
    ├── UnusableAnswer      not one of the answers, or one without the reason it needs
    ├── RefusedTest         a test message that cannot be sent, or a code that does not count
    ├── DryRunRefused       no incident of this kind can be played
    └── StaleIncident       another worker moved the incident first; nothing was written, the caller reads again
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class AlertError(Exception):
    """Something of alerts was refused. The message names the thing and the remedy, never a name or an address."""


class SignedLinkError(AlertError):
    """The link changes nothing; ask for the newest message."""


class InvalidLink(SignedLinkError):
    """Altered, signed with another secret, or of a message nobody knows."""


class ExpiredLink(SignedLinkError):
    """Too old."""


class UnknownIncident(AlertError):
    """No such incident."""


class UnusableAnswer(AlertError):
    """Not one of the answers, or one without the reason it needs."""


class UnusableInvitation(AlertError):
    """The code by which an account is linked is unknown, used, or too old."""


class RefusedTest(AlertError):
    """A test message that cannot be sent, or a code that does not count."""


class DryRunRefused(AlertError):
    """No incident of this kind can be played."""


class StaleIncident(AlertError):
    """Another worker moved the incident first; nothing was written."""


class Faults:
    """What went wrong with some, which must not hold up the others: gathered, and raised together at the end.

    Attributes:
        errors: what went wrong so far.
    """

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    @contextmanager
    def apart(self, about: str) -> Iterator[None]:
        """Gather what is raised in this block; ``about`` tells whoever logs it what it was about."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised by `raise_together`
            error.add_note(about)
            self.errors.append(error)

    def raise_together(self, what: str) -> None:
        """Raise everything that went wrong as one ExceptionGroup; does nothing where all went well."""
        if self.errors:
            raise ExceptionGroup(what, self.errors)


class Failure(StrEnum):
    """Why a message, or one try to send it, failed: the closed set of codes in the columns ``failure``."""

    REFUSED = "refused"
    """The channel refused it for good: a wrong number, a blocked account."""
    BLOCKED = "blocked"
    """The reader blocked the channel, or left it."""
    QUOTA = "quota"
    """The channel has no messages left."""
    ACCOUNT = "account"
    """The vendor refuses our account or our number: every message of this channel, until staff fix it."""
    OPTED_OUT = "opted_out"
    """Its reader does not wish to be contacted any more."""
    DISABLED = "disabled"
    """The contact method was taken out of use before it was sent."""
    REVOKED = "revoked"
    """Its reader is not related to the person any more."""
    NO_CHANNEL = "no_channel"
    """No channel of that name is set up here."""
    EXPIRED = "expired"
    """It was tried until it was too late to be of use."""
    ENDED = "ended"
    """The incident ended before it was sent."""
    SUPERSEDED = "superseded"
    """A newer message to the same person took its place."""
    NOT_LOOKED_UP = "not_looked_up"
    """Of a try: the vendor may have the message and could not be asked, so nothing was sent."""
    INTERRUPTED = "interrupted"
    """Of a try: its worker died before it recorded an outcome."""
