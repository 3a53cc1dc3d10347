"""LINE's webhooks as they come in: the signature of the raw bytes first, then the events, read strictly. Pure.

https://developers.line.biz/en/docs/messaging-api/receiving-messages/
"""

import base64
import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from store.register.checks import LINE_USER

LARGEST_BODY: Final = 256 * 1024
"""Bytes. LINE's own bodies have a few thousand."""
MOST_EVENTS: Final = 1_000
_EVENT_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_KIND: Final = re.compile(r"[A-Za-z]{1,32}")


class UnreadableWebhook(ValueError):
    """Signed, and yet not what LINE describes; nothing was done."""


@dataclass(frozen=True, slots=True)
class LineEvent:
    """One event of a one-to-one chat, or of something else that is only recorded.

    Attributes:
        id: LINE's name of the event, the same at a redelivery.
        kind: LINE's word: ``postback``, ``message``, ``follow``, ``unfollow``, or another.
        at_ms: when it happened, ms UTC, by LINE's clock.
        user_id: whose chat; None outside a one-to-one chat. An address: never logged.
        reply_token: answers in the chat, once, within a minute; None where LINE takes no answer.
        content: postback data, or words of a text message; None where there is none.
    """

    id: str
    kind: str
    at_ms: int
    user_id: str | None = None
    reply_token: str | None = None
    content: str | None = None


def is_signed(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Whether ``X-Line-Signature`` was made of these bytes with one of the channel's secrets."""
    right = False
    for secret in secrets:  # all of them, whatever comes out: the time says nothing
        own = base64.b64encode(hmac.digest(secret.encode(), body, "sha256"))
        right |= hmac.compare_digest(own, signature.encode())
    return right


def read_events(body: bytes) -> list[LineEvent]:
    """The events of a webhook, in their order. An empty list is LINE's test of the address.

    Raises:
        UnreadableWebhook: not JSON, or an event without what every event has.
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise UnreadableWebhook("the body is not JSON") from None
    events = content.get("events") if isinstance(content, dict) else None
    if not isinstance(events, list) or len(events) > MOST_EVENTS:
        raise UnreadableWebhook("the body has no list of events")
    return [_event(item) for item in events]


def _event(item: object) -> LineEvent:
    if not isinstance(item, dict):
        raise UnreadableWebhook("an event is not an object")
    event_id, kind, at_ms = item.get("webhookEventId"), item.get("type"), item.get("timestamp")
    if not isinstance(event_id, str) or not _EVENT_ID.fullmatch(event_id):
        raise UnreadableWebhook("an event has no webhookEventId")
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise UnreadableWebhook("an event has no type")
    if isinstance(at_ms, bool) or not isinstance(at_ms, int) or not 0 <= at_ms < 2**53:
        raise UnreadableWebhook("an event has no timestamp")
    reply = item.get("replyToken")
    return LineEvent(
        id=event_id,
        kind=kind,
        at_ms=at_ms,
        user_id=_user_of(_part(item, "source")),
        reply_token=reply if isinstance(reply, str) and reply else None,
        content=_content(kind, item),
    )


def _user_of(source: dict[str, Any]) -> str | None:
    user_id = source.get("userId")
    one_to_one = source.get("type") == "user" and isinstance(user_id, str) and LINE_USER.fullmatch(user_id)
    return str(user_id) if one_to_one else None


def _content(kind: str, item: dict[str, Any]) -> str | None:
    match kind:
        case "postback":
            found = _part(item, "postback").get("data")
        case "message":
            found = _part(item, "message").get("text")
        case _:
            return None
    return found if isinstance(found, str) else None


def _part(item: dict[str, Any], name: str) -> dict[str, Any]:
    found = item.get(name)
    return found if isinstance(found, dict) else {}
