"""The pages, put together."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Engine
from starlette.exceptions import HTTPException

from alerts.errors import SignedLinkError
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
from dashboard.site.rendering import Site, page_of
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
    # No documentation pages: they load scripts from other sites, and there is no API to document.
    app = FastAPI(title="Mimamori", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan)
    app.state.site = Site(db, timeseries, links, clock, settings, engine_tick_ms)
    app.state.usual_days = UsualDays(timeseries, settings.usual_days)
    app.state.watcher = watch_database(db, poll_s=settings.poll_s, calm_s=settings.calm_s)
    app.add_middleware(AccessGuard)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(HTTPException, _explain)
    app.add_exception_handler(RequestValidationError, _explain)
    app.add_exception_handler(SignedLinkError, responder.refuse)
    own = [board.routes, person.routes, record.routes, areas.routes, responder.routes, live.routes]
    demo = [] if settings.phones is None else [phones.routes]
    for routes in (*own, *demo, *webhooks):
        app.include_router(routes)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.watcher.close()


async def _explain(request: Request, error: Exception) -> Response:
    page = await page_of(request)
    return page.message(error.status_code if isinstance(error, HTTPException) else BAD_REQUEST)
