# ruff: noqa: E501 - a text stands on one line, as it is read
"""What LINE shows besides the messages of `alerts.wording.messages`: buttons, and the answers of the account, in both languages.

A button has at most 20 characters. ``{name}``: whom the incident is about.
"""

from enum import StrEnum
from typing import Final

from alerts.decisions.model import Answer

SELF_BUTTONS: Final = {
    "ja": {Answer.SAFE: "大丈夫です", Answer.CANNOT: "助けてほしい"},
    "en": {Answer.SAFE: "I am all right", Answer.CANNOT: "I need help"},
}
"""Under a question to the person."""
BUTTONS: Final = {
    "ja": {
        Answer.GOING: "向かいます",
        Answer.SAFE: "無事でした",
        Answer.CANNOT: "行けません",
        Answer.CALLED_119: "119番に通報しました",
    },
    "en": {
        Answer.GOING: "I am going",
        Answer.SAFE: "Found safe",
        Answer.CANNOT: "I cannot go",
        Answer.CALLED_119: "I called 119",
    },
}
"""Under a call to a neighbour, or a request to staff."""
PAGE: Final = {"ja": "くわしく見る", "en": "More"}
"""The button that opens the signed page."""


class Say(StrEnum):
    """What the account says back."""

    SELF_SAFE = "self_safe"
    SELF_HELP = "self_help"
    GOING = "going"
    SAFE = "safe"
    CANNOT = "cannot"
    CALLED_119 = "called_119"
    RECORDED = "kept"
    """The answer was recorded and moved nothing: it was given before, or the incident has moved on."""
    REVOKED = "revoked"
    """They wanted to go, but are no longer asked to look after this person."""
    ENDED = "ended"
    UNUSABLE = "unusable"
    """The button is too old, or not ours."""
    PRESS = "press"
    """Somebody who was asked wrote instead of pressing; the buttons come again below."""
    NOTHING_OPEN = "nothing_open"
    WELCOME = "welcome"
    """A new friend whom we do not know: how to link."""
    WELCOME_BACK = "welcome_back"
    LINKED = "linked"
    BAD_CODE = "bad_code"


SAY: Final = {
    Say.SELF_SAFE: {
        "ja": "お返事ありがとうございます。お元気とわかり、安心しました。",
        "en": "Thank you. It is good to know that you are all right.",
    },
    Say.SELF_HELP: {
        "ja": "わかりました。近くの方と社会福祉協議会に知らせます。危険なときは、すぐに119番へ電話してください。",
        "en": "People nearby and the council are told now. In danger dial 119 at once.",
    },
    Say.GOING: {
        "ja": "ありがとうございます。「向かいます」と伝えました。{name}様に会えたら、上のボタンで結果を知らせてください。危険なときは119番へ。",
        "en": "Thank you. The others know that you are going. When you have seen {name}, press a button above. In danger dial 119.",
    },
    Say.SAFE: {
        "ja": "ありがとうございます。{name}様のご無事を記録し、ほかの方にも知らせます。",
        "en": "Thank you. It is recorded that {name} is safe; the others are told.",
    },
    Say.CANNOT: {
        "ja": "お知らせありがとうございます。ほかの方にお願いします。",
        "en": "Thank you for telling us. Somebody else is asked now.",
    },
    Say.CALLED_119: {
        "ja": "119番への通報を記録し、職員に知らせます。救急車が来るまで、安全な所でお待ちください。",
        "en": "It is recorded that 119 was called; staff are told. Please wait in a safe place.",
    },
    Say.RECORDED: {
        "ja": "お返事を記録しました。すでに次の連絡が進んでいます。ありがとうございます。",
        "en": "Your answer is recorded. The incident has moved on meanwhile. Thank you.",
    },
    Say.REVOKED: {
        "ja": "この方の見守りのお願いは取り消されました。訪問は不要です。お伝えになりたいことは社会福祉協議会へ、危険なときは119番へ電話してください。",
        "en": "You are no longer asked to look after this person. Please do not go. If you know something, call the council; in danger dial 119.",
    },
    Say.ENDED: {
        "ja": "この件は対応が終わっています。ありがとうございました。",
        "en": "This incident is closed. Thank you.",
    },
    Say.UNUSABLE: {
        "ja": "このボタンは使えません（古いか、ほかの方あてのものです）。何も記録していません。いちばん新しいメッセージのボタンを押してください。危険なときは119番へ。",
        "en": "This button cannot be used: it is too old, or was meant for somebody else. Nothing was recorded. Please use the newest message. In danger dial 119.",
    },
    Say.PRESS: {
        "ja": "メッセージを職員に見えるようにしました。ただし、お返事はまだ済んでいません。メッセージのボタンを押してください。危険なときは119番へ。",
        "en": "Staff can read what you wrote, but the question is still open. Please press a button. In danger dial 119.",
    },
    Say.NOTHING_OPEN: {
        "ja": "ここに書かれたことは、職員には届きません。いま、お返事を待っている件はありません。急ぐときは119番、ご相談は社会福祉協議会へ電話してください。",
        "en": "Nobody reads what is written here, and nothing is waiting for your answer. In danger dial 119; otherwise call the council.",
    },
    Say.WELCOME: {
        "ja": "友だち追加ありがとうございます。見守りの連絡を受けるには、職員からお渡しした12けたの番号をここに送ってください。",
        "en": "Thank you for adding us. To receive messages, send the twelve-digit code that staff gave you.",
    },
    Say.WELCOME_BACK: {
        "ja": "お帰りなさい。見守りの連絡をまたLINEでお送りします。",
        "en": "Welcome back. Messages come by LINE again.",
    },
    Say.LINKED: {
        "ja": "登録できました。これから見守りの連絡をLINEでお送りします。届いたら、ボタンを押してお返事ください。",
        "en": "Done. From now on messages come by LINE. When one comes, please press a button.",
    },
    Say.BAD_CODE: {
        "ja": "この番号は使えません（まちがい、使用ずみ、または24時間を過ぎています）。番号を確かめるか、職員に新しい番号を頼んでください。",
        "en": "This code cannot be used: it is wrong, was used before, or is older than a day. Check it, or ask staff for a new one.",
    },
}


def known(language: str) -> str:
    """``en``, or else ``ja``."""
    return "en" if language == "en" else "ja"


def say(what: Say, language: str, name: str = "") -> str:
    """One text in the reader's language (``ja`` unless ``en``)."""
    return SAY[what][known(language)].format(name=name)


def buttons(language: str, *, to_self: bool) -> dict[Answer, str]:
    """The answers that can be pressed, the usual one first, with their labels."""
    return dict((SELF_BUTTONS if to_self else BUTTONS)[known(language)])
