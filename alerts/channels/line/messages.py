"""What a LINE chat shows, as the JSON of the Messaging API. Pure: no network, no vendor library.

Limits of the vendor (https://developers.line.biz/en/reference/messaging-api/): a text 5,000 characters, an alternative
text 400, a button's label 20, its data 300, a push five messages, quick replies 13. Texts are counted in UTF-16 units.
"""

from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from alerts.channels.line.texts import buttons, words_of
from alerts.decisions.model import Answer, Purpose
from alerts.ports import OutgoingMessage
from alerts.wording.messages import utf16_length
from contracts.signals import SignalKind

LONGEST_TEXT: Final = 5_000
LONGEST_ALT: Final = 400
LONGEST_DATA: Final = 300
LONGEST_CARD: Final = 1_000
"""A longer text stands in a message of its own above the buttons: a card that scrolls is not read."""
_HEADS: Final = {Purpose.ASK: "#0B6E4F", Purpose.CALL: "#A6361C", Purpose.STAFF: "#1F4E79"}
"""The colour of a card by its purpose; the others ask nothing."""
_COLOURS: Final = {
    Answer.GOING: "#1F4E79",
    Answer.SAFE: "#0B6E4F",
    Answer.CANNOT: "#5F6368",
    Answer.CALLED_119: "#A6361C",
}
_COLOURS_OF_SELF: Final = _COLOURS | {Answer.CANNOT: "#A6361C"}  # the person's own CANNOT is a call for help

ChatMessage = dict[str, Any]


def chat_messages(message: OutgoingMessage) -> list[ChatMessage]:
    """The messages of one push, one or two: a card with buttons where something is asked, else a text."""
    whole = f"{message.subject}\n{message.body}"
    if message.token is None or message.purpose not in _HEADS or not asks_for_an_answer(message.kind):
        is_bundle = not message.kind and message.link is not None  # its list stands behind the link
        return [text(f"{whole}\n{message.link}" if is_bundle else whole)]
    if utf16_length(message.body) <= LONGEST_CARD:
        return [_card(message, message.token, message.body, whole)]
    return [text(whole), _card(message, message.token, "", whole)]


def asks_for_an_answer(kind: str) -> bool:
    """Whether a message about an incident of this kind is answered by a button.

    Trouble with devices is for the board. A message about several incidents has no kind: one button could not say
    which.
    """
    return bool(kind) and SignalKind(kind).concerns_person


def text(words: str, quick: list[ChatMessage] | None = None) -> ChatMessage:
    """A bubble with words, with buttons at the foot of the chat where ``quick`` is given."""
    bubble: ChatMessage = {"type": "text", "text": cut(words, LONGEST_TEXT)}
    return bubble | {"quickReply": {"items": quick}} if quick else bubble


def quick_answers(token: str, language: str, *, to_self: bool) -> list[ChatMessage]:
    """The answers to a message as buttons at the foot of the chat."""
    labels = buttons(language, to_self=to_self)
    return [{"type": "action", "action": _postback(answer, label, token)} for answer, label in labels.items()]


def postback_data(answer: Answer, token: str) -> str:
    """What a button sends back: the answer, and the signed name of the message.

    Raises:
        ValueError: longer than the vendor takes.
    """
    data = urlencode({"a": answer, "t": token})
    if len(data) > LONGEST_DATA:
        raise ValueError(f"a button's data may have {LONGEST_DATA} characters, this has {len(data)}")
    return data


def read_postback(data: str) -> tuple[str, str] | None:
    """Answer and token of what a button sent; None: not a button of ours. Neither has been checked."""
    if len(data) > LONGEST_DATA:
        return None
    fields = parse_qs(data, keep_blank_values=True)
    if set(fields) != {"a", "t"} or any(len(values) != 1 for values in fields.values()):
        return None
    return fields["a"][0], fields["t"][0]


def cut(words: str, longest: int) -> str:
    """The words, ended by an ellipsis where there are more than the vendor takes; never inside a character."""
    clean = words.encode("utf-16-le", "replace").decode("utf-16-le")  # half a character would refuse the whole push
    if utf16_length(clean) <= longest:
        return clean
    half = clean.encode("utf-16-le")[: 2 * (longest - 1)]
    return half.decode("utf-16-le", "ignore") + "…"


def _card(message: OutgoingMessage, token: str, body: str, whole: str) -> ChatMessage:
    title = _words(message.subject, color="#FFFFFF", weight="bold", size="lg")
    parts: dict[str, ChatMessage] = {
        "header": _box([title], backgroundColor=_HEADS[Purpose(message.purpose)]),
        "footer": _box(_buttons(message, token), spacing="md"),
    }
    if body:
        parts["body"] = _box([_words(body, size="lg", color="#111111")])
    bubble = {"type": "bubble", "size": "mega", **parts}
    return {"type": "flex", "altText": cut(whole, LONGEST_ALT), "contents": bubble}


def _buttons(message: OutgoingMessage, token: str) -> list[ChatMessage]:
    to_self = message.purpose == Purpose.ASK
    colours = _COLOURS_OF_SELF if to_self else _COLOURS
    found: list[ChatMessage] = [
        {
            "type": "button",
            "style": "primary",
            "height": "md",
            "color": colours[answer],
            "action": _postback(answer, label, token),
        }
        for answer, label in buttons(message.language, to_self=to_self).items()
    ]
    if message.link is not None and _opens_on_a_phone(message.link):
        page = {"type": "uri", "label": words_of(message.language)("button.page"), "uri": message.link}
        found.append({"type": "button", "style": "link", "height": "sm", "action": page})
    return found


def _opens_on_a_phone(link: str) -> bool:
    """Whether the page is there for others than this machine: a button that opens nothing is worse than none."""
    return urlsplit(link).scheme == "https"


def _postback(answer: Answer, label: str, token: str) -> ChatMessage:
    # displayText: what was pressed then stands in the chat as the reader's own words.
    return {"type": "postback", "label": label, "data": postback_data(answer, token), "displayText": label}


def _words(words: str, **style: str) -> ChatMessage:
    return {"type": "text", "text": cut(words, LONGEST_TEXT), "wrap": True, **style}


def _box(contents: list[ChatMessage], **style: str) -> ChatMessage:
    return {"type": "box", "layout": "vertical", "contents": contents, **style}
