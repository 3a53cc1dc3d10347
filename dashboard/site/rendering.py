"""What every page shares: the site it belongs to, its language, its templates."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates
from jinja2 import StrictUndefined
from sqlalchemy import Engine

from alerts.wording.catalogue import DEFAULT_LANGUAGE, LANGUAGES
from alerts.wording.links import Links
from contracts.clock import Clock
from dashboard.reading.contact_times import coming
from dashboard.settings import DashboardSettings
from dashboard.site.i18n import Words
from store.timeseries.port import TimeSeries

LANGUAGE_COOKIE: Final = "lang"
ARRIVALS_MIN: Final = (5, 10, 15, 20, 30, 45, 60)
"""Arrival times that can be chosen, minutes; the policy cuts what it finds too late."""
ONE_YEAR_S: Final = 365 * 86_400
SEE_OTHER: Final = 303
NOT_FOUND: Final = 404
RESPONDER_PATH: Final = "/r/"
_TEMPLATES: Final = Path(__file__).resolve().parents[1] / "templates"


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages read from and act on."""

    db: Engine
    timeseries: TimeSeries
    links: Links
    clock: Clock
    settings: DashboardSettings


@cache
def templates() -> Jinja2Templates:
    """The templates, compiled once a process."""
    loaded = Jinja2Templates(directory=_TEMPLATES)
    loaded.env.undefined = StrictUndefined  # a misspelt name is an error, not an empty place
    loaded.env.trim_blocks = True
    loaded.env.lstrip_blocks = True
    return loaded


class Pages:
    """Renders templates of a site in the visitor's language.

    Args:
        site: what the pages read from and act on.
        engine_tick_ms: tells when the alert engine last ran (ms UTC of the site's clock). None: not shown.

    Attributes:
        shared: what every template knows by name besides; a demo puts its clock here.
    """

    def __init__(self, site: Site, engine_tick_ms: Callable[[], int | None] | None = None) -> None:
        self.site = site
        self.shared: dict[str, Any] = {"conductor": None}
        self._engine_tick_ms = engine_tick_ms
        self._templates = templates()

    def words(self, request: Request, preferred: str = DEFAULT_LANGUAGE) -> Words:
        """The visitor's words: ``?lang=``, else the cookie, else ``preferred``."""
        for wanted in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
            if wanted in LANGUAGES:
                return Words(wanted)
        return Words(preferred)

    def render(
        self,
        request: Request,
        template: str,
        now_ms: int,
        *,
        status: int = 200,
        preferred: str = DEFAULT_LANGUAGE,
        **values: Any,  # noqa: ANN401 - whatever the template names
    ) -> HTMLResponse:
        """A page, with the words of the visitor's language as ``t``."""
        t = self.words(request, preferred)
        settings = self.site.settings
        tick_ms = self._engine_tick_ms() if self._engine_tick_ms else None
        context = {
            "t": t,
            "now_ms": now_ms,
            "settings": settings,
            "tick_ms": tick_ms,
            "other_language": "en" if t.language == "ja" else "ja",
            "here": request.url.path,
            "arrivals_min": ARRIVALS_MIN,
            "coming": partial(coming, now_ms=now_ms, behind_s=settings.behind_s),
            **self.shared,
            **values,
        }
        response = self._templates.TemplateResponse(request, template, context, status_code=status)
        remember_language(request, response)
        return response

    def message(self, request: Request, status: int, now_ms: int, key: str = "") -> HTMLResponse:
        """A page that says what went wrong; ``key``: which sentences. Behind a responder's link it leads nowhere."""
        key = key or ("error" if status == NOT_FOUND else "method")
        home_link = not request.url.path.startswith(RESPONDER_PATH)
        return self.render(request, "message.html", now_ms, status=status, key=key, home_link=home_link)


async def _site(request: Request) -> Site:
    return request.app.state.pages.site  # type: ignore[no-any-return]


async def _pages(request: Request) -> Pages:
    return request.app.state.pages  # type: ignore[no-any-return]


SiteOf = Annotated[Site, Depends(_site)]
"""The site of the application that a request came to; see `dashboard.app`."""
PagesOf = Annotated[Pages, Depends(_pages)]


def remember_language(request: Request, response: HTMLResponse) -> None:
    """Keep the language that the visitor switched to."""
    wanted = request.query_params.get("lang")
    if wanted in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, wanted, max_age=ONE_YEAR_S, httponly=True, samesite="lax")


def redirect(where: str) -> RedirectResponse:
    """To another page after a form, so that a reload does not send the form again."""
    return RedirectResponse(where, status_code=SEE_OTHER)
