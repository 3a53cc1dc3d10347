"""How a test or a story orders the double about: how numbers behave, faults, and what was seen."""

import time
from typing import Any, Final

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from simulators.vendors.twilio.parts import CallbacksOf, CallsOf, WorldOf
from simulators.vendors.twilio.world import CALLBACK_FAULTS, FAULTS, SMS_BEHAVIOURS, VOICE_BEHAVIOURS

SETTLE_PATIENCE_S: Final = 30.0
_LOOK_S: Final = 0.005
routes: Final = APIRouter(prefix="/control")


class NumberOrder(BaseModel):
    """How a number takes messages and calls, and whose it is; a part that is left out stays as it is."""

    number: str
    name: str | None = None
    sms: str | None = None
    voice: str | None = None


class FaultOrder(BaseModel):
    """Faults of the next requests, one each, in order; faults of callbacks, until others are ordered."""

    requests: list[str] = []
    callbacks: list[str] | None = None


@routes.post("/number")
def number(world: WorldOf, order: NumberOrder) -> None:
    """How a number takes messages and calls, and whose it is."""
    _check([order.sms] if order.sms else [], SMS_BEHAVIOURS)
    _check([order.voice] if order.voice else [], VOICE_BEHAVIOURS)
    with world.lock:
        if order.sms:
            world.sms[order.number] = order.sms
        if order.voice:
            world.voice[order.number] = order.voice
        if order.name:
            world.names[order.number] = order.name


@routes.post("/faults")
def faults(world: WorldOf, order: FaultOrder) -> None:
    """Order faults."""
    _check(order.requests, FAULTS)
    _check(order.callbacks or [], CALLBACK_FAULTS)
    with world.lock:
        world.faults.extend(order.requests)
        if order.callbacks is not None:
            world.callback_faults = set(order.callbacks)


@routes.post("/release")
def release(callbacks: CallbacksOf) -> dict[str, int]:
    """Send the callbacks that were held back."""
    return {"released": callbacks.release()}


@routes.post("/settle")
def settle(callbacks: CallbacksOf) -> dict[str, bool]:
    """Wait until the product has answered every callback; a phone that rings waits for a hand, not for this."""
    until_s = time.monotonic() + SETTLE_PATIENCE_S
    while not callbacks.idle and time.monotonic() < until_s:
        time.sleep(_LOOK_S)
    return {"idle": callbacks.idle}


@routes.post("/ring_out/{sid}")
def ring_out(world: WorldOf, calls: CallsOf, sid: str) -> dict[str, bool]:
    """Nobody picked up in time."""
    call = world.call(sid)
    if call is None:
        raise HTTPException(404, "no such call")
    return {"rang_out": calls.ring_out(call)}


@routes.post("/reset")
def reset(world: WorldOf, callbacks: CallbacksOf) -> None:
    """Forget everything."""
    world.reset()
    callbacks.forget()


@routes.get("/state")
def state(world: WorldOf, callbacks: CallbacksOf) -> dict[str, Any]:
    """Everything that can be seen."""
    with world.lock:
        return {
            "idle": callbacks.idle,
            "messages": [
                {"sid": item.sid, "to": item.to, "body": item.body, "status": item.status, "by_hand": item.by_hand}
                for item in world.messages
            ],
            "calls": [
                {"sid": item.sid, "to": item.to, "status": item.status, "said": item.said} for item in world.calls
            ],
            "seen": dict(world.seen),
            "refused": list(world.refused),
        }


def _check(words: list[str], known: Any) -> None:  # noqa: ANN401 - a container of words
    for word in words:
        if word not in known:
            raise HTTPException(422, f"'{word}' is not one of {', '.join(known)}")
