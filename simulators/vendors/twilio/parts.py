"""What the routes of Twilio's double find by the application that was asked; see `double`."""

from typing import Annotated

from fastapi import Depends, Request

from simulators.vendors.twilio.callbacks import Callbacks
from simulators.vendors.twilio.calls import Calls
from simulators.vendors.twilio.world import TwilioWorld


async def _world(request: Request) -> TwilioWorld:
    return request.app.state.world  # type: ignore[no-any-return]


async def _callbacks(request: Request) -> Callbacks:
    return request.app.state.callbacks  # type: ignore[no-any-return]


async def _calls(request: Request) -> Calls:
    return request.app.state.calls  # type: ignore[no-any-return]


async def _incoming(request: Request) -> str:
    return request.app.state.incoming  # type: ignore[no-any-return]


WorldOf = Annotated[TwilioWorld, Depends(_world)]
CallbacksOf = Annotated[Callbacks, Depends(_callbacks)]
CallsOf = Annotated[Calls, Depends(_calls)]
IncomingOf = Annotated[str, Depends(_incoming)]
"""Where replies by SMS go; empty: nowhere."""
