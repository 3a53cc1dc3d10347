"""What people read: who, where to look, what to do. Never sensor data, health, or why the rhythm found it unusual.

A neighbour's text fits one SMS: 70 characters without the link, because one Japanese character makes the whole message
UCS-2. Texts are chosen in the language of the reader.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

from alerts.decisions.model import News, Purpose
from alerts.wording.texts import AREA_NEWS, ASK, CALL, DIGEST, NEWS, STAFF, STAFF_119, TEST, Text
from contracts.signals import SignalKind

ONE_SMS: Final = 70


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
    match purpose:
        case Purpose.ASK:
            return _filled(ASK[kind][_known(language)], subject)
        case Purpose.CALL:
            return _filled(CALL[kind][_known(language)], subject, ONE_SMS)
        case Purpose.STAFF if caller and kind.concerns_person:
            text, by = STAFF_119[_known(language)], caller.replace("{", "{{").replace("}", "}}")
            return _filled(Text(text.subject, text.body.replace("{by}", by)), subject)
        case Purpose.STAFF:
            return _filled(STAFF[kind][_known(language)], subject)
        case Purpose.NEWS | Purpose.TEST:
            raise KeyError(f"{purpose} has a text of its own")


def news(told: News, kind: SignalKind, subject: Subject, language: str) -> Text:
    """What those who were asked are told."""
    texts = AREA_NEWS if kind is SignalKind.AREA_OUTAGE else NEWS
    return _filled(texts[told][_known(language)], subject, ONE_SMS)


def digest(count: int, who: str, language: str) -> Text:
    """One message for many: the first by name, the others by number."""
    text = DIGEST[_known(language)]
    return _filled(Text(text.subject, text.body.replace("{n}", str(count))), Subject(who), ONE_SMS)


def trial(code: str, language: str) -> Text:
    """A message of no case, with the code that its reader gives back."""
    text = TEST[_known(language)]
    return Text(text.subject, text.body.format(code=code))


def digits_in(text: str) -> str:
    """The digits of a text, half-width: how a code is compared, however it was written down."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", text) if letter in "0123456789")


def _known(language: str) -> str:
    return "en" if language == "en" else "ja"


def _filled(text: Text, subject: Subject, limit: int | None = None) -> Text:
    """The text with the name; where it would be too long, first the area goes, then the end of the name."""
    with_area = f"{subject.name}（{subject.area}）" if subject.area else subject.name
    for who in (with_area, subject.name):
        body = text.body.format(who=who, name=subject.name)
        if limit is None or len(body) <= limit:
            return Text(text.subject, body)
    longest = limit - len(text.body.format(who="", name="")) - 1 if limit else 0
    short = subject.name[:longest] + "…"
    return Text(text.subject, text.body.format(who=short, name=short))
