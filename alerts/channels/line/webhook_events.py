"""LINE's webhooks as they come in: the signature of the raw bytes first, then the events, read strictly. Pure.

https://developers.line.biz/en/docs/messaging-api/receiving-messages/
"""

import base64
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import AliasPath, BaseModel, Field, ValidationError

from store.register.checks import LINE_USER

LARGEST_BODY: Final = 256 * 1024
"""Bytes. LINE's own bodies have a few thousand."""
MOST_EVENTS: Final = 1_000


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
        webhook = _Webhook.model_validate(json.loads(body), strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]  # names what is wrong, never what was sent
        place = ".".join(str(part) for part in first["loc"])
        raise UnreadableWebhook(f"{place or 'the body'}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise UnreadableWebhook("the body is not JSON") from None
    return [_event_of(event) for event in webhook.events]


class _Event(BaseModel):
    """What every event must have; and what some have, as it came."""

    id: str = Field(alias="webhookEventId", pattern="^[0-9A-Za-z_-]{1,64}$")
    kind: str = Field(alias="type", pattern="^[A-Za-z]{1,32}$")
    at_ms: int = Field(alias="timestamp", ge=0, lt=2**53)
    reply_token: Any = Field(None, alias="replyToken")
    chat: Any = Field(None, validation_alias=AliasPath("source", "type"))
    user_id: Any = Field(None, validation_alias=AliasPath("source", "userId"))
    data: Any = Field(None, validation_alias=AliasPath("postback", "data"))
    words: Any = Field(None, validation_alias=AliasPath("message", "text"))


class _Webhook(BaseModel):
    events: list[_Event] = Field(max_length=MOST_EVENTS)


def _event_of(found: _Event) -> LineEvent:
    one_to_one = found.chat == "user" and LINE_USER.fullmatch(_text(found.user_id) or "")
    content = {"postback": found.data, "message": found.words}.get(found.kind)
    return LineEvent(
        id=found.id,
        kind=found.kind,
        at_ms=found.at_ms,
        user_id=found.user_id if one_to_one else None,
        reply_token=_text(found.reply_token) or None,
        content=_text(content),
    )


def _text(found: object) -> str | None:
    return found if isinstance(found, str) else None
