"""What a test or a story controls of the double: how numbers behave, faults, and calls that nobody takes."""

from typing import Annotated, Final

from fastapi import APIRouter, HTTPException

from simulators.vendors.base.control import PREFIX, Body, one_of
from simulators.vendors.twilio.api import FAULTS
from simulators.vendors.twilio.callbacks import CallbacksOf
from simulators.vendors.twilio.calls import CallsOf
from simulators.vendors.twilio.world import CALLBACK_FAULTS, SMS_BEHAVIOURS, VOICE_BEHAVIOURS, WorldOf

routes: Final = APIRouter(prefix=PREFIX)


class Number(Body):
    """How a number takes messages and calls, and whose it is; a part that is left out stays as it is."""

    number: str
    name: str | None = None
    sms: Annotated[str, one_of(SMS_BEHAVIOURS)] | None = None
    voice: Annotated[str, one_of(VOICE_BEHAVIOURS)] | None = None


class Faults(Body):
    """Faults of the next requests, one each, in order; faults of callbacks, until others are set."""

    requests: tuple[Annotated[str, one_of(FAULTS)], ...] = ()
    callbacks: set[Annotated[str, one_of(CALLBACK_FAULTS)]] | None = None


@routes.post("/number")
def number(world: WorldOf, body: Number) -> None:
    """How a number takes messages and calls, and whose it is."""
    with world.lock:
        for known, given in ((world.sms, body.sms), (world.voice, body.voice), (world.names, body.name)):
            if given:
                known[body.number] = given


@routes.post("/faults")
def faults(world: WorldOf, body: Faults) -> None:
    """Set faults."""
    with world.lock:
        world.faults.extend(body.requests)
        if body.callbacks is not None:
            world.callback_faults = body.callbacks


@routes.post("/release")
def release(callbacks: CallbacksOf) -> dict[str, int]:
    """Send the callbacks that were held back."""
    return {"released": callbacks.release()}


@routes.post("/ring_out/{sid}")
def ring_out(world: WorldOf, calls: CallsOf, sid: str) -> dict[str, bool]:
    """Nobody picked up in time."""
    call = world.call(sid)
    if call is None:
        raise HTTPException(404, "no such call")
    return {"rang_out": calls.ring_out(call)}
