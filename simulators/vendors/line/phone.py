"""The phones of the double: who they belong to, and each one's chat with the account, to read and to tap.

A tap does what the app does: the pressed words appear in the chat, and a signed event goes to the product.
"""

import secrets
from datetime import datetime, timedelta, timezone
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from simulators.vendors.base.phone import SEE_OTHER, back_to, page
from simulators.vendors.base.world import Json
from simulators.vendors.line.webhooks import Webhooks, WebhooksOf
from simulators.vendors.line.world import Friend, WorldOf, buttons_of

_TOKYO: Final = timezone(timedelta(hours=9))
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
    return page(request, "line_phones.html", friends=friends)


@routes.get("/phone/{user_id}")
def phone(request: Request, friend: FriendOf) -> HTMLResponse:
    """One phone's chat with the account."""
    return page(request, "line_phone.html", friend=friend, shown=_in_tokyo, buttons_of=buttons_of)


@routes.post("/phone/{user_id}/tap")
def tap(
    webhooks: WebhooksOf, friend: FriendOf, label: Annotated[str, Form()], bubble: Annotated[str | None, Form()] = None
) -> RedirectResponse:
    """Press a button of a bubble; None: of the newest one that has it."""
    action = webhooks.world.tap(friend.id, lambda on, action: bubble in (None, on.id) and action.get("label") == label)
    if action is None:
        raise HTTPException(404, "このボタンはありません")
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
    action = webhooks.world.tap(user_id, lambda _on, action: action.get("data") == data)
    return _press(webhooks, user_id, action) if action else None


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


def _in_tokyo(at_ms: int) -> datetime:
    """What the phones of this world show at a moment, ms UTC."""
    return datetime.fromtimestamp(at_ms / 1000, _TOKYO)
