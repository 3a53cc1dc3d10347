"""The pages, put together."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
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
    webhooks: Sequence[APIRouter] = (),
) -> FastAPI:
    """The dashboard as an ASGI application.

    Args:
        db: the relational store, opened; read here, and written only through ``alerts.incidents``.
        timeseries: raw events, for the person's page.
        links: checks the signed links of responders.
        clock: what "now" is; a demo hands in the one that it moves.
        settings: how the pages behave; None for the defaults.
        engine_tick_ms: tells when the alert engine last ran (ms UTC of ``clock``). None: not shown.
        webhooks: addresses where the vendors of channels call back.

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
    for routes in (*_routes(settings), *webhooks):
        app.include_router(routes)
    return app


def _routes(settings: DashboardSettings) -> Iterator[APIRouter]:
    yield from (board.routes, person.routes, record.routes, areas.routes, responder.routes, live.routes)
    if settings.phones is not None:
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
