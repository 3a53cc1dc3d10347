"""Twilio's error codes and words, sorted by what they mean for a message. Light to import: the webhooks need it too."""

import logging
from typing import Final

from alerts.ports import ReceiptKind

log = logging.getLogger(__name__)

ACCOUNT: Final = frozenset(
    {10001, 20003, 20005, 20403, 20404, 21210, 21212, 21215, 21216, 21408, 21606, 21608, 21659, 21660, 30002}
)
"""Twilio refuses our account, our sender or the country: every message, until staff fix it."""
LATER: Final = frozenset({20429, 30001, 30003, 30008, 30017, 30022})
"""May work later: too fast, the phone is off, the carrier is congested, unknown."""
MACHINES: Final = ("machine", "fax")
"""How ``AnsweredBy`` begins when no human answered a call."""


def log_account_error(detail: str) -> None:
    """Say loudly that nothing goes out by Twilio until staff fix the account."""
    log.critical(
        "Twilio refuses our account or our number (%s): no message goes out by it. Look at console.twilio.com, and at "
        "channels.twilio in the settings",
        detail,
    )


def failure_kind(code: object) -> ReceiptKind:
    """What the error code of a message that did not arrive means: again at this number, or never."""
    number = number_of(code)
    if number in ACCOUNT:
        log_account_error(str(number))
    return ReceiptKind.AGAIN if number in LATER else ReceiptKind.FAILED


def number_of(value: object) -> int | None:
    """A code as Twilio gives it, a number or its digits; None: it is none."""
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else None
