"""What the routes of LINE's double find by the application that was asked; see `double`."""

from typing import Annotated

from fastapi import Depends, Request

from simulators.vendors.line.webhooks import Webhooks
from simulators.vendors.line.world import LineWorld


async def _world(request: Request) -> LineWorld:
    return request.app.state.world  # type: ignore[no-any-return]


async def _webhooks(request: Request) -> Webhooks:
    return request.app.state.webhooks  # type: ignore[no-any-return]


WorldOf = Annotated[LineWorld, Depends(_world)]
WebhooksOf = Annotated[Webhooks, Depends(_webhooks)]
