"""What every page shares: the site it belongs to, its language, its templates."""

from collections.abc import Callable
from dataclasses import dataclass, field
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
    """What the pages read from and act on.

    Attributes:
        db: the relational store, opened.
        timeseries: raw events.
        links: checks the signed links of responders.
        clock: what "now" is.
        settings: how the pages behave.
        engine_tick_ms: tells when the alert engine last ran (ms UTC of ``clock``). None: not shown.
        shared: what every template knows by name besides; a demo puts its clock here.
    """

    db: Engine
    timeseries: TimeSeries
    links: Links
    clock: Clock
    settings: DashboardSettings
    engine_tick_ms: Callable[[], int | None] | None
    shared: dict[str, Any] = field(default_factory=lambda: {"conductor": None})


@cache
def templates() -> Jinja2Templates:
    """The templates, compiled once a process."""
    loaded = Jinja2Templates(directory=_TEMPLATES)
    loaded.env.undefined = StrictUndefined  # a misspelt name is an error, not an empty place
    loaded.env.trim_blocks = True
    loaded.env.lstrip_blocks = True
    return loaded


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a site that was asked for at ``now_ms`` (ms UTC)."""

    site: Site
    request: Request
    now_ms: int

    def render(
        self,
        template: str,
        *,
        status: int = 200,
        preferred: str = DEFAULT_LANGUAGE,
        **values: Any,  # noqa: ANN401 - whatever the template names
    ) -> HTMLResponse:
        """The page; its words are ``t``, in the language of ``?lang=``, which is kept, else of the cookie."""
        request, settings, tick_ms = self.request, self.site.settings, self.site.engine_tick_ms
        wanted = request.query_params.get("lang")
        asked_for = (wanted, request.cookies.get(LANGUAGE_COOKIE))
        t = Words(next((language for language in asked_for if language in LANGUAGES), preferred))
        context = {
            "t": t,
            "now_ms": self.now_ms,
            "settings": settings,
            "tick_ms": tick_ms() if tick_ms else None,
            "other_language": "en" if t.language == "ja" else "ja",
            "here": request.url.path,
            "arrivals_min": ARRIVALS_MIN,
            "coming": partial(coming, now_ms=self.now_ms, behind_s=settings.behind_s),
            **self.site.shared,
            **values,
        }
        response = templates().TemplateResponse(request, template, context, status_code=status)
        if wanted in LANGUAGES:
            response.set_cookie(LANGUAGE_COOKIE, wanted, max_age=ONE_YEAR_S, httponly=True, samesite="lax")
        return response

    def message(self, status: int, key: str = "") -> HTMLResponse:
        """What went wrong; ``key``: which sentences. Behind a responder's link it leads nowhere."""
        key = key or ("error" if status == NOT_FOUND else "method")
        home_link = not self.request.url.path.startswith(RESPONDER_PATH)
        return self.render("message.html", status=status, key=key, home_link=home_link)


async def page_of(request: Request) -> Page:
    """The page that a request asks for."""
    site: Site = request.app.state.site
    return Page(site, request, site.clock.wall_ms())


PageOf = Annotated[Page, Depends(page_of)]


def redirect(where: str) -> RedirectResponse:
    """To another page after a form, so that a reload does not send the form again."""
    return RedirectResponse(where, status_code=SEE_OTHER)
