"""What may stand in the register: each check gives the value back, or an error that names the thing and the remedy.

Errors name fields, ids and the words that are allowed, never a name, an address or a phone number.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from contracts.errors import InvalidTopic
from contracts.topics import check_gateway
from store.register.hours import HoursError, canonical
from store.register.phones import e164

ORGANISATION_KINDS: Final = ("council", "hub", "association")
LANGUAGES: Final = ("ja", "en")
ROLES: Final = ("neighbour", "staff", "hub_volunteer", "family")
CHANNELS: Final = ("console", "outbox", "line", "sms", "voice", "home", "email")

LONGEST_LINE: Final = 200
LONGEST_ADDRESS: Final = 320
LATEST_MS: Final = 32_503_680_000_000
"""The year 3000: a moment beyond it was given in another unit than ms."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
LINE_USER: Final = re.compile(r"U[0-9a-f]{32}")
"""The form of LINE's user ids."""


class RegistryError(ValueError):
    """A change of the register is refused; the message names the thing and the remedy."""


def nearest(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The half-sentence that helps after a wrong word: the nearest right one, else ``otherwise`` or the whole list."""
    words = sorted(known)
    close = get_close_matches(word, words, n=1)
    return f"did you mean '{close[0]}'?" if close else otherwise or "known: " + ", ".join(words)


def identifier(value: object, what: str) -> str:
    """An id: 1 to 64 letters, digits, '-' or '_'."""
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise RegistryError(f"{what}: an id has 1 to 64 letters, digits, '-' or '_' and begins with a letter or digit")
    return value


def word(value: object, what: str, known: Sequence[str]) -> str:
    """One of the known words. The wrong word is repeated in the error: it is never personal."""
    if not isinstance(value, str) or value not in known:
        shown = str(value)[:40]
        raise RegistryError(f"{what} '{shown}' is not known; {nearest(shown, known)}")
    return value


def line(value: object, what: str, *, empty: bool = False, longest: int = LONGEST_LINE) -> str:
    """One line of text without control characters."""
    if not isinstance(value, str) or (not empty and not value.strip()):
        raise RegistryError(f"{what} must be a text{'' if empty else ' that is not empty'}")
    if len(value) > longest:
        raise RegistryError(f"{what} has more than {longest} characters; shorten it")
    if any(not letter.isprintable() for letter in value.replace("\u3000", " ")):
        raise RegistryError(f"{what} holds a line break or a control character; write it as one line")
    return value


def moment(value: object, what: str) -> int:
    """Milliseconds since 1970 UTC, from 0 to the year 3000."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LATEST_MS:
        raise RegistryError(f"{what} must be whole milliseconds since 1970 UTC, before the year 3000")
    return value


def rank(value: object, what: str) -> int:
    """The place of a contact method: 0 to 99, lower is tried first."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 99:
        raise RegistryError(f"{what} must be a whole number from 0 (tried first) to 99")
    return value


def gateway(value: object, what: str) -> str:
    """A gateway id that may stand in a topic."""
    try:
        return check_gateway(value if isinstance(value, str) else "")
    except InvalidTopic as error:
        raise RegistryError(f"{what}: {error.detail}") from None


def zone(value: object, what: str) -> str:
    """An IANA time zone."""
    name = value if isinstance(value, str) else ""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of zones
        near = nearest(name, available_timezones(), "write it as Area/City, such as Asia/Tokyo")
        raise RegistryError(f"{what} '{name[:40]}' is no IANA time zone; {near}") from None
    return name


def address(value: object, channel: str, what: str) -> str:
    """Where a channel reaches somebody, phone numbers as ``+81…``. Never part of an error."""
    text = line(value, what, longest=LONGEST_ADDRESS).strip()
    if channel in ("sms", "voice"):
        return _phone(text, what)
    if channel == "home":
        return gateway(text, what)
    if channel == "line" and not LINE_USER.fullmatch(text):
        raise RegistryError(
            f"{what}: a LINE user id is U and 32 of the letters 0-9 and a-f; nobody has to type it: "
            "'mimamori link-line' gives a code that the person sends to the account"
        )
    if channel == "email" and not _MAIL.fullmatch(text):
        raise RegistryError(f"{what}: write an e-mail address, such as name@example.org")
    return text


def _phone(text: str, what: str) -> str:
    number = e164(text)
    if number is None:
        raise RegistryError(
            f"{what}: write the phone number with its country and every digit, such as +819012345678 (no 0 after +81), "
            "or a Japanese one as it is dialled at home, such as 080-1234-5678"
        )
    return number


def hours(value: object, what: str) -> str:
    """Weekly hours in the one way they are kept; empty for always."""
    try:
        return canonical(line(value, what, empty=True))
    except HoursError as error:
        raise RegistryError(f"{what}: {error}") from None


OF_COLUMNS: Final[Mapping[str, Callable[[object, str], object]]] = {
    "name": line,
    "kana": partial(line, empty=True),
    "language": partial(word, known=LANGUAGES),
    "zone": zone,
    "hours": hours,
    "kind": partial(word, known=ORGANISATION_KINDS),
    "gateway": gateway,
    "area": partial(line, empty=True),
    "role": partial(word, known=ROLES),
    "purpose": partial(line, empty=True),
    "from_ms": moment,
    "to_ms": moment,
    "channel": partial(word, known=CHANNELS),
    "rank": rank,
    "verified_ms": moment,
    "note": partial(line, empty=True),
}
"""The check of each column, in whatever table; an address has its own, which needs the channel."""
