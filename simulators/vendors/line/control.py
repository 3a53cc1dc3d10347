"""The double's control endpoint: friends, faults, quota, time, and a look at everything. Not part of LINE."""

import time
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from simulators.vendors.line.checks import USER_ID
from simulators.vendors.line.parts import WebhooksOf, WorldOf
from simulators.vendors.line.phone import press_button
from simulators.vendors.line.webhooks import FAULTS as WEBHOOK_FAULTS

PRESS_PATIENCE_S: Final = 30.0
REPLY_PATIENCE_S: Final = 1.0
_LOOK_S: Final = 0.005
routes: Final = APIRouter(prefix="/control")


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewFriend(_Order):
    """A user; ``id`` random unless given."""

    name: str = Field(min_length=1, max_length=100)
    id: str | None = Field(default=None, pattern=USER_ID.pattern)
    follows: bool = True


class NewFault(_Order):
    """What the next ``times`` pushes (to ``to``) or events meet."""

    kind: str
    times: int = Field(default=1, ge=1)
    to: str | None = None
    hold_s: float = Field(default=30.0, ge=0, le=120)
    delay_s: float = Field(default=1.0, ge=0, le=120)


class NewPress(_Order):
    """The button that sends ``data`` on the phone of a user."""

    user_id: str
    data: str


class NewQuota(_Order):
    """This month's messages; ``limit`` None: no limit."""

    limit: int | None = Field(default=None, ge=0)
    used: int = Field(default=0, ge=0)


@routes.get("/state")
def state(world: WorldOf, webhooks: WebhooksOf) -> dict[str, Any]:
    """Everything that can be seen."""
    seen = {"idle": webhooks.idle, "webhook_answers": dict(webhooks.answers), "events": list(webhooks.sent)}
    return world.state() | seen


@routes.post("/reset")
def reset(world: WorldOf, webhooks: WebhooksOf, webhook: str | None = None) -> dict[str, bool]:
    """Forget everything; events go to ``webhook`` from now on."""
    world.reset()
    webhooks.reset(webhook)
    return {"done": True}


@routes.post("/friends")
def friend(world: WorldOf, order: NewFriend) -> dict[str, str]:
    """Add a user."""
    return {"id": world.add_friend(order.name, order.id, follows=order.follows).id}


@routes.post("/faults")
def fault(world: WorldOf, webhooks: WebhooksOf, order: NewFault) -> dict[str, bool]:
    """Order a fault."""
    try:
        if order.kind in WEBHOOK_FAULTS:
            webhooks.add_fault(order.kind, order.times, order.delay_s)
        else:
            world.add_fault(order.kind, order.times, order.to, order.hold_s)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    return {"done": True}


@routes.post("/quota")
def quota(world: WorldOf, order: NewQuota) -> dict[str, bool]:
    """Set this month's messages."""
    world.quota_limit, world.used = order.limit, order.used
    return {"done": True}


@routes.post("/press")
def press(world: WorldOf, webhooks: WebhooksOf, order: NewPress) -> dict[str, bool]:
    """Press a button, and wait until the product has taken it and has said something back, if it does."""
    event = press_button(world, webhooks, order.user_id, order.data)
    if event is not None:
        _wait(lambda: webhooks.idle, PRESS_PATIENCE_S)
        _wait(lambda: not world.can_reply(event["replyToken"]), REPLY_PATIENCE_S)
    return {"pressed": event is not None}


@routes.post("/clock")
def clock(world: WorldOf, advance_ms: int) -> dict[str, int]:
    """Let time pass."""
    world.advance(advance_ms)
    return {"now_ms": world.now_ms()}


@routes.post("/webhook")
def webhook(webhooks: WebhooksOf, url: str | None = None) -> dict[str, bool]:
    """Where events go; None: nowhere."""
    webhooks.url = url
    return {"done": True}


@routes.post("/replay")
def replay(webhooks: WebhooksOf, number: int = -1) -> dict[str, bool]:
    """An event once more, exactly as it was, as an attacker or a confused network would."""
    webhooks.repeat(number)
    return {"done": True}


def _wait(done: Callable[[], bool], patience_s: float) -> None:
    until_s = time.monotonic() + patience_s
    while not done() and time.monotonic() < until_s:
        time.sleep(_LOOK_S)
