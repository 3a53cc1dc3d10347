"""The double's control endpoint: friends, faults, quota, buttons that are pressed. Not part of LINE."""

from typing import Annotated, Final

from fastapi import APIRouter
from fastapi import Body as Param
from pydantic import Field

from simulators.processes import wait_until
from simulators.vendors.base.control import PREFIX, Body
from simulators.vendors.line.checks import USER_ID
from simulators.vendors.line.phone import press_button
from simulators.vendors.line.webhooks import WebhooksOf
from simulators.vendors.line.world import Fault, WorldOf

PRESS_PATIENCE_S: Final = 30.0
REPLY_PATIENCE_S: Final = 1.0
routes: Final = APIRouter(prefix=PREFIX)


class NewFriend(Body):
    """A user; ``id`` random unless given."""

    name: str = Field(min_length=1, max_length=100)
    id: str | None = Field(default=None, pattern=USER_ID.pattern)
    follows: bool = True


class NewPress(Body):
    """The button that sends ``data`` on the phone of a user."""

    user_id: str
    data: str


class NewQuota(Body):
    """This month's messages; ``limit`` None: no limit."""

    limit: int | None = Field(default=None, ge=0)
    used: int = Field(default=0, ge=0)


@routes.post("/webhook")
def webhook(webhooks: WebhooksOf, url: Annotated[str | None, Param(embed=True)] = None) -> None:
    """Where events go; None: nowhere."""
    webhooks.url = url


@routes.post("/friends")
def friend(world: WorldOf, body: NewFriend) -> dict[str, str]:
    """Add a user."""
    return {"id": world.add_friend(body.name, body.id, follows=body.follows).id}


@routes.post("/faults")
def fault(world: WorldOf, body: Fault) -> None:
    """Set a fault."""
    with world.lock:
        world.faults.append(body)


@routes.post("/quota")
def quota(world: WorldOf, body: NewQuota) -> None:
    """Set this month's messages."""
    world.quota_limit, world.used = body.limit, body.used


@routes.post("/press")
def press(world: WorldOf, webhooks: WebhooksOf, body: NewPress) -> dict[str, bool]:
    """Press a button, and wait until the product has taken it and has said something back, if it does."""
    event = press_button(webhooks, body.user_id, body.data)
    if event is not None:
        wait_until(lambda: webhooks.idle, PRESS_PATIENCE_S)
        wait_until(lambda: not world.has_token(event["replyToken"]), REPLY_PATIENCE_S)
    return {"pressed": event is not None}


@routes.post("/replay")
def replay(webhooks: WebhooksOf, number: int = -1) -> None:
    """An event once more, exactly as it was, as an attacker or a confused network would."""
    webhooks.repeat(number)
