"""The pages, put together."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from starlette.exceptions import HTTPException

from alerts.wording.links import Links
from contracts.clock import Clock
from dashboard.areas import areas
from dashboard.board import board
from dashboard.demo import phones
from dashboard.person import person, record
from dashboard.person.person import UsualDays
from dashboard.responder import page as responder
from dashboard.settings import DashboardSettings
from dashboard.site import live
from dashboard.site.access import AccessGuard
from dashboard.site.live import watch_database
from dashboard.site.rendering import Pages, Site
from dashboard.webhooks.line import LineDesk, line_routes
from dashboard.webhooks.twilio import TwilioDesk, twilio_routes
from store.timeseries.port import TimeSeries

BAD_REQUEST: Final = 400
SERVER_ERROR: Final = 500
STATIC: Final = Path(__file__).parent / "static"


def create_app(
    db: Engine,
    timeseries: TimeSeries,
    links: Links,
    clock: Clock,
    settings: DashboardSettings | None = None,
    *,
    engine_tick_ms: Callable[[], int | None] | None = None,
    line: LineDesk | None = None,
    twilio: TwilioDesk | None = None,
) -> FastAPI:
    """The dashboard as an ASGI application.

    Args:
        db: the relational store, opened; read here, and written only through ``alerts.incidents.answers``.
        timeseries: raw events, for the person's page.
        links: checks the signed links of responders.
        clock: what "now" is; a demo hands in the one that it moves.
        settings: how the pages behave; None for the defaults.
        engine_tick_ms: tells when the alert engine last ran (ms UTC of ``clock``). None: not shown.
        line: takes LINE's webhooks; None: there is no such address.
        twilio: takes Twilio's webhooks; None: there are no such addresses.

    Serve it on the address that ``access.check_bind`` lets through, without an access log: the path of a responder's
    link is a secret. Before stopping the server call ``app.state.watcher.close()`` (in the loop's thread), which ends
    the live connections that a graceful stop would wait for.
    """
    settings = settings or DashboardSettings()
    pages = Pages(Site(db, timeseries, links, clock, settings), engine_tick_ms)
    # No documentation pages: they load scripts from other sites, and there is no API to document.
    app = FastAPI(title="Mimamori", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.state.pages = pages
    app.state.usual_days = UsualDays(timeseries, settings.usual_days)
    app.state.watcher = watch_database(db, poll_s=settings.poll_s, calm_s=settings.calm_s)
    app.add_middleware(AccessGuard)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(HTTPException, _explain)
    app.add_exception_handler(RequestValidationError, _explain_form)
    for routes in _routes(pages.site, line, twilio):
        app.include_router(routes)
    return app


def _routes(site: Site, line: LineDesk | None, twilio: TwilioDesk | None) -> Iterator[APIRouter]:
    yield from (board.routes, person.routes, record.routes, areas.routes, responder.routes, live.routes)
    if line is not None:
        yield line_routes(site, line)
    if twilio is not None:
        yield twilio_routes(site.db, site.clock, twilio)
    if site.settings.phones is not None:
        yield phones.routes


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.watcher.close()


def _explain(request: Request, error: Exception) -> Response:
    return _message(request, error.status_code if isinstance(error, HTTPException) else SERVER_ERROR)


def _explain_form(request: Request, _error: Exception) -> Response:
    return _message(request, BAD_REQUEST)


def _message(request: Request, status: int) -> Response:
    pages: Pages = request.app.state.pages
    return pages.message(request, status, pages.site.clock.wall_ms())
