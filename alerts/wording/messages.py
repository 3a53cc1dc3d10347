"""What people read: who, where to look, what to do. Never sensor data, health, or why the rhythm found it unusual.

A neighbour's text fits one SMS: 70 characters without the link, because one Japanese character makes the whole message
UCS-2. Texts are chosen in the language of the reader.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

from alerts.decisions.model import News, Purpose
from alerts.wording.catalogue import catalogue
from contracts.signals import SignalKind

ONE_SMS: Final = 70


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


def _text(key: str, language: str, subject: Subject, limit: int | None = None, **values: str | int) -> Text:
    """The text with the name; where it would be too long, first the area goes, then the end of the name."""
    words = catalogue(language)

    def body(who: str, name: str) -> str:
        return words(f"message.{key}.body", who=who, name=name, **values)

    title = words(f"message.{key}.subject")
    with_area = f"{subject.name}（{subject.area}）" if subject.area else subject.name
    for who in (with_area, subject.name):
        if limit is None or len(body(who, subject.name)) <= limit:
            return Text(title, body(who, subject.name))
    longest = limit - len(body("", "")) - 1 if limit else 0
    short = subject.name[:longest] + "…"
    return Text(title, body(short, short))
