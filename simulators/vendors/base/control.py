"""The control endpoint, as far as it is the same for all doubles. Not part of any vendor's API."""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from simulators.processes import wait_until
from simulators.vendors.base.callbacks import CallbacksOf
from simulators.vendors.base.world import Json, WorldOf

SETTLE_PATIENCE_S: Final = 30.0
PREFIX: Final = "/control"
routes: Final = APIRouter(prefix=PREFIX)


class Body(BaseModel):
    """What is posted to the control endpoint; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid")


def one_of(known: Iterable[str]) -> Any:  # noqa: ANN401 - what pydantic reads in an annotation
    """Refuses any other word, and names those that are known."""
    return Field(pattern=f"^({'|'.join(known)})$")


@routes.get("/state")
def state(world: WorldOf, callbacks: CallbacksOf) -> Json:
    """Everything that can be seen."""
    with world.lock:
        return {"idle": callbacks.idle, **world.state()}


@routes.post("/settle")
def settle(callbacks: CallbacksOf) -> dict[str, bool]:
    """Wait until the product has answered everything; what waits for a hand on a phone does not count."""
    return {"idle": wait_until(lambda: callbacks.idle, SETTLE_PATIENCE_S)}


@routes.post("/reset")
def reset(world: WorldOf, callbacks: CallbacksOf) -> None:
    """Forget everything."""
    world.reset()
    callbacks.forget()


@routes.post("/clock")
def clock(world: WorldOf, advance_ms: int) -> dict[str, int]:
    """Let time pass."""
    world.advance(advance_ms)
    return {"now_ms": world.now_ms()}
