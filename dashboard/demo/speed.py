"""The demo's controls: how fast simulated time runs."""

import re
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, FastAPI, Form, HTTPException
from fastapi.responses import RedirectResponse

from dashboard.site.rendering import PageOf, redirect

FASTEST: Final = 3600.0
SPEEDS: Final = (1, 60, 300, 1200)
"""Those that have a button."""
routes: Final = APIRouter()
_OWN_PATH: Final = re.compile(r"/[A-Za-z0-9/_.-]*")


class SpeedControl(Protocol):
    """Who moves the simulated time of a demo."""

    def now_ms(self) -> int:
        """Simulated time, ms UTC."""
        ...

    def speed(self) -> float:
        """Simulated seconds a real second; 0 while paused."""
        ...

    def set_speed(self, speed: float) -> None:
        """Run at this speed from now on, also if it was paused; 0 pauses."""
        ...


def own_path(path: str) -> str:
    """``path`` if it leads to a page of ours, else the board: a form must not send anybody to another site."""
    return path if _OWN_PATH.fullmatch(path) and not path.startswith("//") else "/"


def add_speeds(app: FastAPI, conductor: SpeedControl) -> None:
    """Put a clock with speeds into the header of every page of ``app``."""
    app.state.site.shared.update(conductor=conductor, speeds=SPEEDS)
    app.include_router(routes)


@routes.post("/demo/speed")
def set_speed(page: PageOf, speed: Annotated[float, Form()], back: Annotated[str, Form()] = "/") -> RedirectResponse:
    """Run at a speed, or pause (0)."""
    if not 0 <= speed <= FASTEST:
        raise HTTPException(400, f"speed must lie in [0, {FASTEST:g}]")
    conductor: SpeedControl = page.site.shared["conductor"]
    conductor.set_speed(speed)
    return redirect(own_path(back))
