"""What a route finds by the application that was asked; see `application.create_app`."""

from typing import Annotated, Any

from fastapi import Depends, Request

from simulators.vendors.base.callbacks import Callbacks
from simulators.vendors.base.world import World


def part(name: str) -> Any:  # noqa: ANN401 - what FastAPI resolves
    """The part of that name."""

    async def find(request: Request) -> Any:  # noqa: ANN401
        return getattr(request.app.state, name)

    return Depends(find)


WorldOf = Annotated[World, part("world")]
CallbacksOf = Annotated[Callbacks, part("callbacks")]
