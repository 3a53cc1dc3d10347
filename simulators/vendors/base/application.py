"""A vendor's double as an HTTP application of its own: what it is made of, how it refuses, how it is started."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from simulators.vendors.base import control
from simulators.vendors.base.callbacks import Callbacks
from simulators.vendors.base.clock import now_ms, reads
from simulators.vendors.base.world import World


class Refused(HTTPException):
    """The vendor refuses a request; ``detail`` is the JSON of its answer, whole."""


def create_app(title: str, *routers: APIRouter, world: World, callbacks: Callbacks, **parts: object) -> FastAPI:
    """The application of a double: its own routes, and the control endpoint.

    Args:
        title: whose double it is.
        routers: the vendor's API, its phones, and what else its control endpoint takes.
        world: what it remembers.
        callbacks: what it posts.
        parts: what else its routes find; see `world.part`.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        callbacks.stop()

    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    for name, value in {"world": world, "callbacks": callbacks, **parts}.items():
        setattr(app.state, name, value)
    for router in (*routers, control.routes):
        app.include_router(router)

    @app.exception_handler(Refused)
    def refuse(request: Request, error: Refused) -> Response:
        world.count(f"{request.url.path.rsplit('/', 1)[1]} {error.status_code}")
        world.refused.append(str(error))
        return JSONResponse(error.detail, error.status_code, error.headers)

    return app


def command_line(description: str) -> argparse.ArgumentParser:
    """What the command line of every double has: a port, and the clock that its screens show."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("port", type=int)
    parser.add_argument(
        "--clock", type=reads, default=now_ms, metavar="FILE", help="the time to show, as a story sets it"
    )
    return parser


def serve(app: FastAPI, port: int, words: str) -> None:
    """Say how the double is used, and run it until Ctrl-C."""
    print(f"{words}\nphones: http://127.0.0.1:{port}/", flush=True)  # noqa: T201
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
