"""The demo's controls: how fast simulated time runs."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Form, HTTPException
from fastapi.responses import RedirectResponse

from dashboard.site.rendering import SiteOf, redirect

FASTEST: Final = 3600.0
routes: Final = APIRouter()
_OWN_PATH: Final = re.compile(r"/[A-Za-z0-9/_.-]*")


def own_path(path: str) -> str:
    """``path`` if it leads to a page of ours, else the board: a form must not send anybody to another site."""
    return path if _OWN_PATH.fullmatch(path) and not path.startswith("//") else "/"


@routes.post("/demo/speed")
def set_speed(site: SiteOf, speed: Annotated[float, Form()], back: Annotated[str, Form()] = "/") -> RedirectResponse:
    """Run at a speed, or hold (0)."""
    conductor = site.settings.conductor
    if conductor is None:
        raise HTTPException(404)
    if not 0 <= speed <= FASTEST:
        raise HTTPException(400, f"speed must lie in [0, {FASTEST:g}]")
    if speed == 0:
        conductor.pause()
    else:
        conductor.set_speed(speed)
    return redirect(own_path(back))
