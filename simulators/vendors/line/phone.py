"""The phones of the double: who they belong to, and each one's chat with the account, to read and to tap.

A tap does what the app does: the pressed words appear in the chat, and a signed event goes to the product.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from simulators.vendors.base.phone import SEE_OTHER, back_to, page
from simulators.vendors.base.world import Json
from simulators.vendors.line.webhooks import Webhooks, WebhooksOf
from simulators.vendors.line.world import Bubble, Friend, WorldOf, actions_of

_TOKYO: Final = timezone(timedelta(hours=9))  # what the phones of this world show
_WEEKDAYS: Final = "月火水木金土日"
LONGEST_SAID: Final = 10_000
routes: Final = APIRouter()


async def _friend(world: WorldOf, user_id: str) -> Friend:
    if user_id not in world.friends:
        raise HTTPException(404, "この電話はありません")
    return world.friends[user_id]


FriendOf = Annotated[Friend, Depends(_friend)]
"""The owner of the phone in the path."""


@routes.get("/")
def phones(request: Request, world: WorldOf) -> HTMLResponse:
    """Every phone, the one with the newest message first."""
    friends = sorted(world.friends.values(), key=lambda one: one.chat[-1].at_ms if one.chat else 0, reverse=True)
    return page(request, "line_phones.html", friends=friends, last=_last_words)


@routes.get("/phone/{user_id}")
def phone(request: Request, friend: FriendOf) -> HTMLResponse:
    """One phone's chat with the account."""
    return page(request, "line_phone.html", friend=friend, rows=_rows(friend))


@routes.post("/phone/{user_id}/tap")
def tap(
    webhooks: WebhooksOf, friend: FriendOf, bubble: Annotated[str, Form()], label: Annotated[str, Form()]
) -> RedirectResponse:
    """Press a button of a bubble."""
    try:
        action = webhooks.world.action(friend.id, bubble, label)
    except KeyError:
        raise HTTPException(404, "このボタンはありません") from None
    if action["type"] == "uri":
        return RedirectResponse(action["uri"], SEE_OTHER)
    _press(webhooks, friend.id, action)
    return back_to(friend.id)


@routes.post("/phone/{user_id}/say")
def say(
    webhooks: WebhooksOf, friend: FriendOf, words: Annotated[str, Form(max_length=LONGEST_SAID)] = ""
) -> RedirectResponse:
    """Write a message."""
    if words.strip():
        _write(webhooks, friend.id, words)
    return back_to(friend.id)


@routes.post("/phone/{user_id}/block")
def block(webhooks: WebhooksOf, friend: FriendOf) -> RedirectResponse:
    """Block the account."""
    if friend.follows:
        friend.follows = False
        webhooks.emit("unfollow", friend.id, replies=False)
    return back_to(friend.id)


@routes.post("/phone/{user_id}/follow")
def follow(webhooks: WebhooksOf, friend: FriendOf) -> RedirectResponse:
    """Add the account, or unblock it."""
    unblocked = not friend.follows and bool(friend.chat)
    friend.follows = True
    webhooks.emit("follow", friend.id, follow={"isUnblocked": unblocked})
    return back_to(friend.id)


def press_button(webhooks: Webhooks, user_id: str, data: str) -> Json | None:
    """Press the newest button on a phone that sends ``data``; the event. None: there is no such button."""
    friend = webhooks.world.friends.get(user_id)
    for bubble in reversed(friend.chat if friend else []):
        for action in actions_of(bubble.message):
            if action.get("data") == data:
                return _press(webhooks, user_id, webhooks.world.action(user_id, bubble.id, action["label"]))
    return None


def _press(webhooks: Webhooks, user_id: str, action: Json) -> Json:
    if action["type"] == "message":
        return _write(webhooks, user_id, str(action["text"]))
    if action.get("displayText"):
        webhooks.world.says(user_id, action["displayText"])
    return webhooks.emit("postback", user_id, postback={"data": action["data"]})


def _write(webhooks: Webhooks, user_id: str, words: str) -> Json:
    bubble = webhooks.world.says(user_id, words)
    content = {"type": "text", "id": bubble.id, "text": words, "quoteToken": secrets.token_hex(8)}
    return webhooks.emit("message", user_id, message=content)


def _rows(friend: Friend) -> list[Json]:
    """What the chat shows, the oldest first; quick replies only under the newest bubble, as in the app."""
    rows = [_row(bubble) for bubble in friend.chat]
    for row in rows[:-1]:
        row["quick"] = []
    for before, row in zip([None, *rows], rows, strict=False):
        row["new_day"] = before is None or before["day"] != row["day"]
    return rows


def _row(bubble: Bubble) -> Json:
    moment = datetime.fromtimestamp(bubble.at_ms / 1000, UTC).astimezone(_TOKYO)
    message = bubble.message
    contents = message.get("contents") or {}
    template = message.get("template") or {}
    quick = [item["action"] for item in (message.get("quickReply") or {}).get("items", [])]
    cards = actions_of({**message, "quickReply": None})
    return {
        "id": bubble.id,
        "mine": bubble.by == "user",
        "day": f"{moment.month}月{moment.day}日（{_WEEKDAYS[moment.weekday()]}）",
        "time": f"{moment.hour}:{moment.minute:02d}",
        "text": message.get("text"),
        "card": bool(contents or template),
        "head": _first_text(contents.get("header")),
        "colour": (contents.get("header") or {}).get("backgroundColor", "#06c755"),
        "body": _first_text(contents.get("body")) or template.get("text"),
        "buttons": [{"action": action, **_look_of(contents, action)} for action in cards],
        "quick": quick,
        "tapped": bubble.tapped,
    }


def _look_of(contents: Mapping[str, Any], action: Json) -> Json:
    for button in (contents.get("footer") or {}).get("contents", []):
        if button.get("action") == action:
            return {"colour": button.get("color"), "plain": button.get("style") == "link"}
    return {"colour": None, "plain": True}


def _first_text(box: Mapping[str, Any] | None) -> str | None:
    return next((item["text"] for item in (box or {}).get("contents", []) if item.get("type") == "text"), None)


def _last_words(friend: Friend) -> str:
    message = friend.chat[-1].message if friend.chat else {}
    return str(message.get("text") or message.get("altText") or "")
