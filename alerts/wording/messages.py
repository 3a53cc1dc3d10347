"""What people read: who, where to look, what to do. Never sensor data, health, or why the rhythm found it unusual.

A neighbour's text fits one SMS: 70 characters without the link, because one Japanese character makes the whole message
UCS-2. Texts are chosen in the language of the reader.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from alerts.decisions.model import News, Purpose
from alerts.wording.catalogue import catalogue
from contracts.signals import SignalKind

ONE_SMS: Final = 70
ZERO_WIDTH_JOINER: Final = "\u200d"


@dataclass(frozen=True, slots=True)
class Text:
    """A message as it is read."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a message is about. ``area``: town or district, may be empty."""

    name: str
    area: str = ""


def request(purpose: Purpose, kind: SignalKind, subject: Subject, language: str, caller: str = "") -> Text:
    """The question to the person, the call to a neighbour or the request to staff; language ``ja`` or ``en``.

    ``caller``: who called 119, see `alerts.incidents.callers`, which staff read before all else; empty: nobody did.

    Raises:
        KeyError: a purpose that this kind of incident has no text for, such as a neighbour's about a device.
    """
    if purpose is Purpose.STAFF and caller and kind.concerns_person:
        return _text("staff_119", language, subject, by=caller)
    return _text(f"{purpose}.{kind}", language, subject, ONE_SMS if purpose is Purpose.CALL else None)


def news(told: News, kind: SignalKind, subject: Subject, language: str) -> Text:
    """What those who were asked are told."""
    family = "area_news" if kind is SignalKind.AREA_OUTAGE else "news"
    return _text(f"{family}.{told}", language, subject, ONE_SMS)


def bundle_text(count: int, who: str, language: str) -> Text:
    """One message for many: the first by name, the others by number."""
    return _text("bundle", language, Subject(who), ONE_SMS, n=count)


def text_of_test(code: str, language: str) -> Text:
    """A message of no incident, with the code that its reader gives back."""
    return _text("test", language, Subject(""), code=code)


def digits_in(text: str) -> str:
    """The digits of a text, half-width: how a code is compared, however it was written down."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", text) if letter in "0123456789")


def with_name(subject: Subject, text: Callable[[str, str], str], fits: Callable[[str], bool]) -> str:
    """A text with the name in it; where it would be too long, first the area goes, then the end of the name.

    Args:
        subject: whose name.
        text: makes the text of the name with the area, and the name alone.
        fits: whether a text is short enough.
    """
    with_area = f"{subject.name}（{subject.area}）" if subject.area else subject.name
    for who in (with_area, subject.name):
        whole = text(who, subject.name)
        if fits(whole):
            return whole
    short = cut(subject.name, lambda name: fits(text(name, name)))
    return text(short, short)


def utf16_length(text: str) -> int:
    """How long a text is in UTF-16 units: so LINE counts, and the networks where a text message is UCS-2."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning that fits with an ellipsis, cut between whole characters as a reader sees them."""
    if fits(text):
        return text
    for end in range(len(text) - 1, 0, -1):
        short = text[:end].rstrip() + "…"
        if not _joined(text, end) and fits(short):
            return short
    return "…"


def _joined(text: str, place: int) -> bool:
    """Whether the letters before and at a place are one character: a kanji with its variation, a mark, joined signs."""
    return unicodedata.category(text[place]).startswith("M") or ZERO_WIDTH_JOINER in text[place - 1 : place + 1]


def _text(key: str, language: str, subject: Subject, limit: int | None = None, **values: str | int) -> Text:
    """The text with the name, no longer than ``limit`` characters."""
    words = catalogue(language)

    def body(who: str, name: str) -> str:
        return words(f"message.{key}.body", who=who, name=name, **values)

    return Text(
        words(f"message.{key}.subject"),
        with_name(subject, body, lambda text: limit is None or len(text) <= limit),
    )
