# ruff: noqa: E501 - a text stands on one line, as it is read
"""The texts of the messages, Japanese and English. ``{who}``: name with area where there is room; ``{name}``: name alone."""

from dataclasses import dataclass
from typing import Final

from alerts.decisions.model import News
from contracts.signals import SignalKind


@dataclass(frozen=True, slots=True)
class Text:
    """A message as it is read."""

    subject: str
    body: str


_HOW_ARE_YOU: Final = {
    "ja": Text(
        "お元気ですか",
        "{name}様、お加減はいかがですか。大丈夫なら「大丈夫です」を押してください。お返事がないときは、こちらからご様子をうかがいます。",
    ),
    "en": Text(
        "How are you?",
        "{name}, how are you? If all is well, please answer so. If you do not answer, somebody will get in touch.",
    ),
}
_DO_YOU_NEED_ANYTHING: Final = {
    "ja": Text(
        "お困りではありませんか",
        "{name}様、お困りのことはありませんか。大丈夫なら「大丈夫です」を押してください。お返事がないときは、こちらからご様子をうかがいます。",
    ),
    "en": Text(
        "Do you need anything?",
        "{name}, do you need any help? If all is well, please answer so. If you do not answer, somebody will get in touch.",
    ),
}
ASK: Final = {
    SignalKind.SILENCE: {
        "ja": Text(
            "お元気ですか",
            "{name}様、お変わりありませんか。大丈夫なら「大丈夫です」を押してください。お返事がないときは近くの方に声をかけます。",
        ),
        "en": Text(
            "Are you all right?",
            "{name}, are you all right? Please answer. If you do not, somebody nearby is asked to look in.",
        ),
    },
    SignalKind.DECLINE: _HOW_ARE_YOU,
    SignalKind.NO_RETURN: _DO_YOU_NEED_ANYTHING,
}
TEST: Final = {
    "ja": Text(
        "試験の連絡です",
        "【見守り・試験】これは連絡の試験です。確認番号は {code} です。この番号を担当者にお知らせください。",
    ),
    "en": Text("This is a test", "TEST of Mimamori. Your code is {code}. Please tell it to our staff."),
}
CALL: Final = {
    SignalKind.SILENCE: {
        "ja": Text(
            "様子を見てください",
            "【見守り】{who}様とご連絡がとれません。お宅へ様子を見に行き、結果をお知らせください。",
        ),
        "en": Text("Please look in", "{who} does not answer. Please look in at home, and report."),
    },
    SignalKind.HELP: {
        "ja": Text(
            "助けを求めています",
            "【至急】{who}様が助けを呼んでいます。すぐお宅へ。危険なら119番。結果をお知らせください。",
        ),
        "en": Text("Help is asked for", "URGENT: {who} calls for help. Go there now. Danger: 119."),
    },
    SignalKind.DECLINE: {
        "ja": Text(
            "様子を見てください",
            "【見守り】{who}様のご様子が気がかりです。お宅へ様子を見に行き、結果をお知らせください。",
        ),
        "en": Text("Please look in", "{who} may be unwell. Please look in, and report."),
    },
    SignalKind.NO_RETURN: {
        "ja": Text(
            "様子を見てください",
            "【見守り】{who}様とご連絡がとれません。お宅と近くを見て、結果をお知らせください。",
        ),
        "en": Text("Please look in", "{who} does not answer. Please look around, and report."),
    },
}
# Nobody but the reader of the board may learn from a message that a home stands empty, or how ill somebody is.
_PLEASE_RING: Final = {
    "ja": Text(
        "ご本人の確認をお願いします",
        "{who}様: いつもと違う様子です。理由を見守りの画面で見て、ご本人に電話などで確認し、結果を記録してください。",
    ),
    "en": Text(
        "Please ring up",
        "{who}: something is unlike usual; the board says what. Please ring up, find out and record the outcome.",
    ),
}
# Who called 119, as ``{by}`` names them.
CALLER_NAMED: Final = {"ja": "{name}様", "en": "{name}"}
CALLER_SELF: Final = {"ja": "ご本人", "en": "themselves"}
CALLER_UNKNOWN: Final = {"ja": "どなたか", "en": "somebody"}
STAFF_119: Final = {
    "ja": Text(
        "至急: 119番通報がありました",
        "{who}様について、{by}が119番に通報しました。経過を確認し、結果を記録してください。",
    ),
    "en": Text(
        "Urgent: 119 was called",
        "119 was called for {who} by {by}. Please find out what came of it and record the outcome.",
    ),
}
STAFF: Final = {
    # Staff are asked for many reasons: nobody answered, nobody can go, a claim lapsed. So it names none.
    SignalKind.SILENCE: {
        "ja": Text(
            "対応が必要です", "{who}様: ご無事がまだ確かめられていません。経過を見て確認し、結果を記録してください。"
        ),
        "en": Text(
            "Needs you",
            "{who}: not known to be safe yet. Please see what was answered, find out and record the outcome.",
        ),
    },
    SignalKind.HELP: {
        "ja": Text(
            "至急: 助けを求めています", "{who}様が助けを呼ぶボタンを押しました。確認し、結果を記録してください。"
        ),
        "en": Text(
            "Urgent: help is asked for", "{who} pressed the help button. Please find out and record the outcome."
        ),
    },
    SignalKind.DECLINE: _PLEASE_RING,
    SignalKind.NO_RETURN: _PLEASE_RING,
    SignalKind.GATEWAY_LOST: {
        "ja": Text("端末と通信できません", "{who}様のお宅の端末と通信できません。電源と回線の確認を手配してください。"),
        "en": Text(
            "A home cannot be heard",
            "The device in the home of {who} is not heard of. Please have power and line checked.",
        ),
    },
    SignalKind.SENSOR_LOST: {
        "ja": Text("センサーが応答しません", "{who}様のお宅のセンサーが応答しません。確認を手配してください。"),
        "en": Text("A sensor is silent", "A sensor in the home of {who} does not report. Please have it checked."),
    },
    SignalKind.AREA_OUTAGE: {
        "ja": Text(
            "地域一帯の異常",
            "{who}で多くのお宅の見守りが同時に止まっています。停電や災害の可能性があります。一覧を確認し、対応を記録してください。",
        ),
        "en": Text(
            "Trouble in a whole area",
            "Many homes in {who} are in trouble at once: a power cut or a disaster? Please see the list and record what is done.",
        ),
    },
}
DIGEST: Final = {
    "ja": Text(
        "まとめてのお知らせ", "【見守り】{who}様ほか、あわせて{n}件のお知らせがあります。一覧をご確認ください。"
    ),
    "en": Text("Several at once", "{n} matters at once: {who} and others. Please see the list."),
}
AREA_NEWS: Final = {
    News.RECOVERED: {
        "ja": Text("地域の見守りが戻りました", "{who}のお宅の見守りが戻りました。"),
        "en": Text("The area is back", "The homes in {who} are watched again."),
    },
    News.CLOSED: {
        "ja": Text("対応が終わりました", "{who}の件は対応が終わりました。まだ続いているお宅は一軒ずつお知らせします。"),
        "en": Text("Closed", "The matter of {who} is closed. Homes still in trouble are reported one by one."),
    },
}
NEWS: Final = {
    News.HELP_CALLED: {
        "ja": Text("連絡しました", "{name}様、近くの方と社会福祉協議会に連絡しました。危険なときは119番へ。"),
        "en": Text("Help is called", "{name}, people nearby and the council have been called. In danger dial 119."),
    },
    News.GOING: {
        "ja": Text("ほかの方が向かっています", "【見守り】{name}様のお宅へ、ほかの方が向かっています。"),
        "en": Text("Somebody is going", "Somebody is on the way to {name}."),
    },
    News.MOVED: {
        "ja": Text(
            "動きがありました", "【見守り】{name}様のお宅で動きがありました。念のため、ご本人の無事をお確かめください。"
        ),
        "en": Text("There was a movement", "There was a movement at the home of {name}. Please still make sure."),
    },
    News.SELF_OK: {
        "ja": Text(
            "ご本人から返事がありました",
            "【見守り】{name}様ご本人から大丈夫との返事がありました。ありがとうございました。",
        ),
        "en": Text("The person answered", "{name} answered: all right. Thank you."),
    },
    News.NEEDS_HELP: {
        "ja": Text("助けを求めています", "【至急】{name}様ご本人が助けを求めています。"),
        "en": Text("Help is asked for", "URGENT: {name} says help is needed."),
    },
    News.SAFE: {
        "ja": Text("無事が確認されました", "【見守り】{name}様のご無事が確認されました。ありがとうございました。"),
        "en": Text("Found safe", "{name} was found safe. Thank you."),
    },
    News.CALLED_119: {
        "ja": Text("119番通報がありました", "【見守り】{name}様について119番通報がありました。"),
        "en": Text("119 was called", "119 was called for {name}."),
    },
    News.RECOVERED: {
        "ja": Text("通信が戻りました", "{name}様のお宅の端末との通信が戻りました。"),
        "en": Text("Heard again", "The device in the home of {name} is heard again."),
    },
    News.AWAY: {
        "ja": Text(
            "ご不在の登録がありました",
            "【見守り】{name}様はご不在と登録されました。今は様子を見に行かなくて大丈夫です。",
        ),
        "en": Text("Registered as away", "{name} is registered as away: there is no need to look in now."),
    },
    News.CLOSED: {
        "ja": Text("対応が終わりました", "【見守り】{name}様の件は対応が終わりました。ありがとうございました。"),
        "en": Text("Closed", "The case of {name} is closed. Thank you."),
    },
}
