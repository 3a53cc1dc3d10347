"""The pages, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from starlette.exceptions import HTTPException

from alerts.links import Links
from contracts.clock import Clock
from dashboard.access import AccessGuard
from dashboard.areas import area_routes
from dashboard.board import board_routes
from dashboard.conductor import conductor_routes
from dashboard.line_webhook import LineDesk, line_routes
from dashboard.live import live_routes, watch_database
from dashboard.pages import Pages, Site
from dashboard.person import person_routes
from dashboard.phones import phone_routes
from dashboard.record import record_routes
from dashboard.responder import responder_routes
from dashboard.settings import DashboardSettings
from dashboard.twilio_webhook import TwilioDesk, twilio_routes
from store.timeseries.port import TimeSeries

BAD_REQUEST: Final = 400
STATIC: Final = Path(__file__).parent / "static"


def create_app(
    db: Engine,
    timeseries: TimeSeries,
    links: Links,
    clock: Clock,
    settings: DashboardSettings | None = None,
    *,
    line: LineDesk | None = None,
    twilio: TwilioDesk | None = None,
) -> FastAPI:
    """The dashboard as an ASGI application.

    Args:
        db: the relational store, opened; read here, and written only through ``alerts.responses``.
        timeseries: raw events, for the person's page.
        links: checks the signed links of responders.
        clock: what "now" is; a demo hands in the one its conductor moves.
        settings: how the pages behave; None for the defaults.
        line: takes LINE's webhooks; None: there is no such address.
        twilio: takes Twilio's webhooks; None: there are no such addresses.

    Serve it on the address that ``access.check_bind`` lets through, without an access log: the path of a responder's
    link is a secret. Before stopping the server call ``app.state.watcher.close()`` (in the loop's thread), which ends
    the live connections that a graceful stop would wait for.
    """
    settings = settings or DashboardSettings()
    site = Site(db, timeseries, links, clock, settings)
    pages = Pages(site)
    watcher = watch_database(db, poll_s=settings.poll_s, calm_s=settings.calm_s)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        watcher.close()

    # No documentation pages: they load scripts from other sites, and there is no API to document.
    app = FastAPI(title="Mimamori", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.watcher = watcher
    app.add_middleware(AccessGuard)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(board_routes(site, pages))
    app.include_router(person_routes(site, pages))
    app.include_router(record_routes(site))
    app.include_router(area_routes(site, pages))
    app.include_router(responder_routes(site, pages))
    app.include_router(live_routes(watcher))
    if line is not None:
        app.include_router(line_routes(site, line))
    if twilio is not None:
        app.include_router(twilio_routes(db, clock, twilio))
    if settings.phones is not None:
        app.include_router(phone_routes(site, pages, settings.phones))
    if settings.conductor is not None:
        app.include_router(conductor_routes(settings.conductor))

    @app.exception_handler(HTTPException)
    def explain(request: Request, error: HTTPException) -> Response:
        return pages.message(request, error.status_code, site.clock.wall_ms())

    @app.exception_handler(RequestValidationError)
    def explain_form(request: Request, _error: RequestValidationError) -> Response:
        return pages.message(request, BAD_REQUEST, site.clock.wall_ms())

    return app
