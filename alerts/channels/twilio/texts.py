# ruff: noqa: E501 - a text stands on one line, as it is read
"""What a text message says and a call speaks, and which key or word answers what.

A Japanese SMS has 70 UTF-16 units: one character outside the GSM alphabet makes the whole message UCS-2. It says who,
where to look, what to do, and how to answer where replies can come back; no link, which carriers filter.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from alerts.decisions.model import Answer, Purpose
from contracts.signals import SignalKind

ONE_SMS_UNITS: Final = 70
ONE_GSM_SMS: Final = 160
_GSM: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_UNUSUAL: Final = {
    "ja": "【見守り】{who}様がいつもと違う様子です。画面で理由を見て、確認し記録してください。",
    "en": "{who}: unusual day. See why on the page.",
}

SMS: Final = {
    (Purpose.ASK, None): {
        "ja": "【見守り】{name}様、お変わりありませんか。ご無事が分からないときは近くの方が伺います。",
        "en": "{name}, are you all right?",
    },
    (Purpose.CALL, SignalKind.SILENCE): {
        "ja": "【見守り】{who}様と連絡がとれません。お宅の様子を見て、社協へお知らせください。",
        "en": "{who}: no answer. Please look in at home.",
    },
    (Purpose.CALL, SignalKind.HELP): {
        "ja": "【至急】{who}様が助けを呼んでいます。すぐお宅へ。危険なら119番。",
        "en": "URGENT: {who} needs help. Go now. Or 119.",
    },
    (Purpose.CALL, SignalKind.DECLINE): {
        "ja": "【見守り】{who}様のご様子が気がかりです。お宅の様子を見て、社協へお知らせください。",
        "en": "{who} may be unwell. Please look in at home.",
    },
    (Purpose.CALL, SignalKind.NO_RETURN): {
        "ja": "【見守り】{who}様と連絡がとれません。お宅と近くを見て、社協へお知らせください。",
        "en": "{who}: no answer. Please look around there.",
    },
    (Purpose.STAFF, SignalKind.DECLINE): _UNUSUAL,
    (Purpose.STAFF, SignalKind.NO_RETURN): _UNUSUAL,
    (Purpose.STAFF, SignalKind.AREA_OUTAGE): {
        "ja": "【見守り】{who}で多くのお宅の見守りが止まっています。一覧を確認してください。",
        "en": "{who}: many homes in trouble. Please see the list.",
    },
    (Purpose.STAFF, SignalKind.SILENCE): {
        "ja": "【見守り】{who}様の安否が確認できません。確認し、結果を記録してください。",
        "en": "{who}: not reached. Find out, record it.",
    },
    (Purpose.STAFF, SignalKind.HELP): {
        "ja": "【至急】{who}様が助けを呼んでいます。確認し、結果を記録してください。",
        "en": "URGENT: {who} needs help. Find out.",
    },
    (Purpose.STAFF, SignalKind.GATEWAY_LOST): {
        "ja": "【見守り】{who}様宅の端末と通信できません。電源と回線の確認を手配してください。",
        "en": "{who}: device not heard of. Check power and line.",
    },
    (Purpose.STAFF, SignalKind.SENSOR_LOST): {
        "ja": "【見守り】{who}様宅のセンサーが応答しません。確認を手配してください。",
        "en": "{who}: a sensor is silent. Please check it.",
    },
}
SMS_119: Final = {
    "ja": "【至急】{who}様: {by}が119番に通報。確認し記録してください。",
    "en": "119 called by {by}: {who}.",
}
REPLY: Final = {
    Purpose.ASK: {"ja": "返信 1大丈夫 2助けて", "en": " Reply 1 yes, 2 help"},
    Purpose.CALL: {"ja": "返信 1向かう 2無事 3不可", "en": " Reply 1 go 2 safe 3 no"},
    Purpose.STAFF: {"ja": "返信 1向かう 2無事 3不可", "en": " Reply 1 go 2 safe 3 no"},
}
SPOKEN: Final = {
    (Purpose.ASK, None): {
        "ja": "見守りサービスです。{name}様、お変わりありませんか。",
        "en": "This is the watch-over service. {name}, are you all right?",
    },
    (Purpose.CALL, SignalKind.SILENCE): {
        "ja": "見守りサービスです。{who}様と、連絡がとれません。お宅の様子を、見に行ってください。",
        "en": "This is the watch-over service. {who} does not answer. Please look in at home.",
    },
    (Purpose.CALL, SignalKind.HELP): {
        "ja": "見守りサービスです。緊急です。{who}様が、助けを呼んでいます。すぐに、お宅へ行ってください。危険なときは、119番へ。",
        "en": "This is the watch-over service. Urgent. {who} calls for help. Please go there now. In danger dial 1 1 9.",
    },
    (Purpose.STAFF, SignalKind.SILENCE): {
        "ja": "見守りサービスです。{who}様の安否が、確認できません。確認し、結果を記録してください。",
        "en": "This is the watch-over service. {who} cannot be reached. Please find out, and record the outcome.",
    },
    (Purpose.STAFF, SignalKind.HELP): {
        "ja": "見守りサービスです。緊急です。{who}様が、助けを呼んでいます。確認し、結果を記録してください。",
        "en": "This is the watch-over service. Urgent. {who} calls for help. Please find out, and record the outcome.",
    },
}
SPOKEN_119: Final = {
    "ja": "見守りサービスです。緊急です。{who}様について、{by}が、119番に通報しました。確認し、結果を記録してください。",
    "en": "This is the watch-over service. Urgent. 1 1 9 was called for {who} by {by}. Please find out, and record the outcome.",
}
KEYS: Final = {
    Purpose.ASK: {
        "ja": "大丈夫なら、1を。助けが必要なら、2を、押してください。",
        "en": "If you are all right, press 1. If you need help, press 2.",
    },
    Purpose.CALL: {
        "ja": "向かう方は、1を。無事を確認した方は、2を。行けない方は、3を、押してください。",
        "en": "If you are going, press 1. If you found the person safe, press 2. If you cannot go, press 3.",
    },
}
THANKS: Final = {
    Answer.GOING: {"ja": "向かうと承りました。お気をつけて。", "en": "Thank you for going. Take care."},
    Answer.SAFE: {"ja": "ご無事と承りました。ありがとうございました。", "en": "Thank you. We have noted: safe."},
    Answer.CANNOT: {"ja": "承りました。ほかの方に連絡します。", "en": "Thank you. We will ask somebody else."},
    Answer.CALLED_119: {"ja": "119番通報と承りました。", "en": "We have noted that 119 was called."},
}
NEEDS_HELP: Final = {"ja": "すぐに助けを呼びます。危険なときは119番へ。", "en": "We call help now. In danger dial 119."}
NO_ANSWER: Final = {"ja": "お返事がありませんでした。失礼します。", "en": "There was no answer. Good bye."}
OVER: Final = {
    "ja": "見守りサービスです。この件は、もう対応が終わりました。ありがとうございました。",
    "en": "This is the watch-over service. This incident is closed. Thank you.",
}
REVOKED: Final = {
    "ja": "この方の見守りのお願いは取り消されました。伺う必要はありません。危険なときは119番へ。",
    "en": "You are no longer asked to look after this person. Please do not go. In danger dial 119.",
}
NOT_UNDERSTOOD: Final = {
    "ja": "お返事を読み取れませんでした。{keys}の数字だけを返信してください。お急ぎの方は社協へお電話ください。",
    "en": "We could not read your reply. Reply with the digit only: {keys}. If it is urgent, phone the council.",
}
SEVERAL: Final = {
    "ja": "複数の方の件でお願いしているため、返信では受け付けられません。社協へお電話ください。",
    "en": "You were asked about several people, so a reply cannot be taken. Please phone the council.",
}
ONCE_MORE: Final = {"ja": "その番号は使えません。", "en": "That key has no meaning."}

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


def units(text: str) -> int:
    """How long a text is in UTF-16 units, by which a UCS-2 message is counted."""
    return len(text.encode("utf-16-le")) // 2


def fits_one_sms(text: str) -> bool:
    """Whether a text is one message: 160 characters of the GSM alphabet, or 70 UTF-16 units of any."""
    return len(text) <= ONE_GSM_SMS if set(text) <= _GSM else units(text) <= ONE_SMS_UNITS


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
    template = _template(SMS, SMS_119, purpose, about, language)
    if template is None or about is None:
        return _cut(body, fits_one_sms)
    if replies and about.kind.concerns_person:
        template += REPLY[purpose][_known(language)]
    with_area = f"{about.name}（{about.area}）" if about.area else about.name
    caller = _cut(about.caller, lambda short: units(short) <= _LONGEST_CALLER)
    for who, by in ((with_area, about.caller), (about.name, about.caller), (about.name, caller)):
        text = template.format(who=who, name=who if purpose is not Purpose.ASK else about.name, by=by)
        if fits_one_sms(text):
            return text
    name = _cut(about.name, lambda short: fits_one_sms(template.format(who=short, name=short, by=caller)))
    return template.format(who=name, name=name, by=caller)


def spoken_text(purpose: Purpose, about: About | None, language: str, body: str) -> str:
    """What a call says before it says the keys; ``about`` is None for a message about several incidents."""
    template = _template(SPOKEN, SPOKEN_119, purpose, about, language)
    if template is None or about is None:
        return body
    of = {"ja": f"{about.area}の、{about.name}", "en": f"{about.name} of {about.area}"}[_known(language)]
    return template.format(name=about.name, who=of if about.area else about.name, by=about.caller)


def keys_text(purpose: Purpose, about: About | None, language: str) -> str | None:
    """Which key says what; None where nothing is to be answered: news, devices, a message about several incidents."""
    if purpose is Purpose.NEWS or about is None or not about.kind.concerns_person:
        return None
    return KEYS[Purpose.ASK if purpose is Purpose.ASK else Purpose.CALL][_known(language)]


def said(texts: dict[str, str], language: str) -> str:
    """The text in the reader's language."""
    return texts[_known(language)]


def thanks(purpose: Purpose, answer: Answer, language: str) -> str:
    """What whoever answered hears or reads."""
    if purpose is Purpose.ASK and answer is Answer.CANNOT:
        return said(NEEDS_HELP, language)
    return said(THANKS[answer], language)


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


def _template(
    texts: dict[tuple[Purpose, SignalKind | None], dict[str, str]],
    of_119: dict[str, str],
    purpose: Purpose,
    about: About | None,
    language: str,
) -> str | None:
    if about is None:
        return None
    if about.caller and purpose is Purpose.STAFF and about.kind.concerns_person:
        return of_119[_known(language)]
    found = texts.get((purpose, None)) or texts.get((purpose, about.kind))
    return found[_known(language)] if found else None


def _known(language: str) -> str:
    return "en" if language == "en" else "ja"


def _cut(text: str, fits: Callable[[str], bool]) -> str:
    """The longest beginning that fits with an ellipsis, cut between whole characters as a reader sees them."""
    if fits(text):
        return text
    whole = _clusters(text)
    for count in range(len(whole) - 1, 0, -1):
        short = "".join(whole[:count]).rstrip() + "…"
        if fits(short):
            return short
    return "…"


def _clusters(text: str) -> list[str]:
    """Characters with what belongs to them: variation selectors of kanji, combining marks, joined signs."""
    found: list[str] = []
    for letter in text:
        joined = bool(found) and (found[-1].endswith("\u200d") or letter == "\u200d")
        belongs = unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Mc")
        if found and (joined or belongs):
            found[-1] += letter
        else:
            found.append(letter)
    return found
