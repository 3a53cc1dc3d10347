"""What a text message says and a call speaks, and which key or word answers what.

The words are in ``locales/``. A Japanese SMS has 70 UTF-16 units: one character outside the GSM alphabet makes the
whole message UCS-2. It says who, where to look, what to do, and how to answer where replies can come back; no link,
which carriers filter.
"""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alerts.decisions.model import Answer, Purpose
from alerts.wording.catalogue import Catalogue, catalogue
from alerts.wording.messages import ONE_SMS, Subject, cut, utf16_length, with_name
from contracts.signals import SignalKind

LOCALES: Final = Path(__file__).resolve().parent / "locales"
ONE_GSM_SMS: Final = 160
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ANSWERS: Final = {
    Purpose.ASK: {"1": Answer.SAFE, "2": Answer.CANNOT},
    Purpose.CALL: {"1": Answer.GOING, "2": Answer.SAFE, "3": Answer.CANNOT},
    Purpose.STAFF: {"1": Answer.GOING, "2": Answer.SAFE, "3": Answer.CANNOT},
}
_FROM_THE_PERSON: Final = {
    Answer.SAFE: "大丈夫 大丈夫です だいじょうぶ だいじょうぶです 元気 元気です 無事 無事です ok safe",
    Answer.CANNOT: "助けて たすけて 助けてください たすけてください 助けが必要です",
}
_FROM_OTHERS: Final = {
    Answer.GOING: "向かう 向かいます むかいます 向かっています 行きます いきます 今行きます すぐ行きます going",
    Answer.SAFE: "無事 無事です 無事でした ぶじ ぶじです ぶじでした safe",
    Answer.CANNOT: "不可 行けません いけません 行けない いけない 無理です むりです cannot",
    Answer.CALLED_119: "119番通報しました 119通報しました 救急車を呼びました",
}
_LONGEST_REPLY: Final = 200
_LONGEST_CALLER: Final = 14
"""UTF-16 units that the name of who called 119 keeps in an SMS that is too long."""


@dataclass(frozen=True, slots=True)
class About:
    """Whom and what a text is about. ``area`` may be empty; ``kind``: of the incident.

    ``caller``: who called 119 in the reader's language (`alerts.incidents.callers`), for a request to staff; empty:
    nobody did.
    """

    name: str
    area: str
    kind: SignalKind
    caller: str = ""


def words_of(language: str) -> Catalogue:
    """The words of text messages and calls in the reader's language."""
    return catalogue(language, LOCALES)


def fits_one_sms(text: str) -> bool:
    """Whether a text is one message: 160 characters of the GSM alphabet, or 70 UTF-16 units of any."""
    return len(text) <= ONE_GSM_SMS if set(text) <= _GSM else utf16_length(text) <= ONE_SMS


def sms_text(purpose: Purpose, about: About | None, language: str, body: str, *, replies: bool) -> str:
    """The text of one SMS.

    Where it would be too long, first the area goes, then the end of the name of who called 119, then that of the name,
    never half a character.

    Args:
        purpose: of the message.
        about: who and what; None, as for several incidents at once: the body itself is the text.
        language: ``ja`` or ``en``.
        body: the message as other channels say it.
        replies: whether to say how to answer by a reply.
    """
    words, key = words_of(language), _key("sms", purpose, about)
    if about is None or not words.has(key):
        return cut(body, fits_one_sms)
    reply = words(f"sms.reply.{purpose}") if replies and about.kind.concerns_person else ""
    subject, caller = Subject(about.name, about.area), about.caller

    def text(who: str, name: str) -> str:
        return words(key, who=who, name=name, by=caller) + reply

    if not fits_one_sms(text(about.name, about.name)):
        subject, caller = Subject(about.name), cut(caller, lambda short: utf16_length(short) <= _LONGEST_CALLER)
    return with_name(subject, text, fits_one_sms)


def spoken_text(purpose: Purpose, about: About | None, language: str, body: str) -> str:
    """What a call says before it says the keys; ``about`` is None for a message about several incidents."""
    words, key = words_of(language), _key("spoken", purpose, about)
    if about is None or not words.has(key):
        return body
    who = words("spoken.who", name=about.name, area=about.area) if about.area else about.name
    return words(key, name=about.name, who=who, by=about.caller)


def keys_text(purpose: Purpose, about: About | None, language: str) -> str | None:
    """Which key says what; None where nothing is to be answered: news, devices, a message about several incidents."""
    if purpose not in _ANSWERS or about is None or not about.kind.concerns_person:
        return None
    return words_of(language)(f"keys.{purpose}")


def thanks(purpose: Purpose, answer: Answer, language: str) -> str:
    """What whoever answered hears or reads."""
    needs_help = purpose is Purpose.ASK and answer is Answer.CANNOT
    return words_of(language)("thanks.needs_help" if needs_help else f"thanks.{answer}")


def answer_of_key(purpose: Purpose, key: str) -> Answer | None:
    """What a key says; None: nothing."""
    return _ANSWERS.get(purpose, {}).get(key)


def answer_in(text: str, purpose: Purpose) -> Answer | None:
    """What a reply says: the digit alone, however it was typed, or one of few words; None: it cannot be told.

    A digit within a sentence is no answer: "2時に行きます" must not say that the person was found safe.
    """
    plain = unicodedata.normalize("NFKC", text[:_LONGEST_REPLY]).casefold()
    plain = "".join(letter for letter in plain if not letter.isspace() and letter not in "。、.,!「」()")
    digit = plain.removesuffix("です").removesuffix("番")
    words = _FROM_THE_PERSON if purpose is Purpose.ASK else _FROM_OTHERS
    by_word = {word: answer for answer, known in words.items() for word in known.split()}
    if purpose is Purpose.NEWS:
        return None
    return answer_of_key(purpose, digit) or by_word.get(plain)


def _key(family: str, purpose: Purpose, about: About | None) -> str:
    """The key of a text about somebody; the body of the message is said where the locales have no such text."""
    if about is None or purpose is Purpose.ASK:
        return f"{family}.{purpose}"
    if about.caller and purpose is Purpose.STAFF and about.kind.concerns_person:
        return f"{family}.staff_119"
    return f"{family}.{purpose}.{about.kind}"
