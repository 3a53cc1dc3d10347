"""The phones of a double, as far as they are the same for all: a page for each, and forms that lead back to it."""

from pathlib import Path
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined

SEE_OTHER: Final = 303
_FOLDER: Final = Path(__file__).resolve().parents[1] / "templates"
_PAGES: Final = Jinja2Templates(
    env=Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
)


def page(request: Request, template: str, **shown: object) -> HTMLResponse:
    """A page with what it shows."""
    return _PAGES.TemplateResponse(request, template, shown)


def back_to(address: str) -> RedirectResponse:
    """From a form back to the phone."""
    return RedirectResponse(f"/phone/{address}", SEE_OTHER)
