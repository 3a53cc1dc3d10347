"""``mimamori serve``: the parts of the backend in one process, or the roles that the settings name."""

import asyncio
import contextlib
import logging
import signal
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from dashboard.access import check_bind
from dashboard.app import create_app
from edge_agent.clock import SystemClock
from edge_agent.settings import BrokerSettings
from mimamori import exits
from mimamori.assembly import Backend, assemble
from mimamori.broker import Broker
from mimamori.settings import Settings, in_folder, load_settings, timeseries_of

log = logging.getLogger(__name__)

ALERTS_S = 1.0
"""How often the alert engine looks for what is due."""
NIGHTLY_S = 30.0
_LONGEST_PAUSE_S = 30.0


def run(config: Path, store: str | None = None, token_file: Path | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; returns the exit code. ``store`` and ``token_file`` go before the settings'."""
    settings = load_settings(config)
    if store or token_file:
        before = settings.store
        address = in_folder(timeseries_of(store), config.resolve().parent) if store else before.timeseries
        settings = replace(
            settings, store=replace(before, timeseries=address, token_file=token_file or before.token_file)
        )
    if "dashboard" in settings.server.roles:
        check_bind(settings.page.host)
    with broker_of(settings) as broker, assemble(settings, SystemClock(), broker) as backend:
        asyncio.run(serve(backend))
    return exits.DONE


@contextlib.contextmanager
def broker_of(settings: Settings) -> Iterator[BrokerSettings]:
    """The broker of the settings, or one of our own for as long as this lasts."""
    if settings.broker is not None:
        yield settings.broker
        return
    with (
        tempfile.TemporaryDirectory(prefix="mimamori-broker-") as folder,
        Broker(Path(folder), settings.embedded_port) as own,
    ):
        log.info("broker: %s on 127.0.0.1:%d", own.kind, own.port)
        yield BrokerSettings(url=f"mqtt://127.0.0.1:{own.port}")


async def serve(backend: Backend, stop: asyncio.Event | None = None) -> None:
    """Run the roles of the settings until ``stop``, or without one until SIGTERM or Ctrl-C.

    A role that ends for any other reason takes the others with it, and its error is raised.
    """
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        for role in backend.settings.server.roles:
            for work in _work_of(role, backend, stop):
                tasks.create_task(_stopping_all(work, stop))


async def repeat(what: str, act: Callable[[], object], every_s: float, stop: asyncio.Event) -> None:
    """Do something again and again in a thread; an error is logged, and tried again after a growing pause."""
    pause_s = every_s
    while not stop.is_set():
        try:
            await asyncio.to_thread(act)
            pause_s = every_s
        except Exception:
            # Whatever went wrong, a watch that ended here would end in silence. The page shows how old it is.
            log.exception("%s failed; trying again in %.0f s", what, pause_s)
            pause_s = min(2 * pause_s, max(every_s, _LONGEST_PAUSE_S))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)


async def serve_pages(app: FastAPI, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve the pages until ``stop``."""
    server = _Pages(uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False))
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    app.state.watcher.close()  # ends the live connections that a graceful stop would wait for
    server.should_exit = True
    stopping.cancel()
    await serving


class _Pages(uvicorn.Server):
    """uvicorn, without its own signal handlers: one place decides when everything stops."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _work_of(role: str, backend: Backend, stop: asyncio.Event) -> list[Coroutine[object, object, None]]:
    clock = backend.clock
    match role:
        case "ingest":
            learn = repeat("learning", lambda: backend.learn(clock.wall_ms()), NIGHTLY_S, stop)
            return [backend.consumer.run(stop), learn]
        case "alerts":
            return [repeat("alerts", lambda: backend.tick_alerts(clock.wall_ms()), ALERTS_S, stop)]
        case _:
            return [serve_pages(pages_of(backend), backend.settings.page.host, backend.settings.page.port, stop)]


def pages_of(backend: Backend) -> FastAPI:
    """The pages of a backend."""
    settings = replace(backend.settings.dashboard, engine_tick_ms=lambda: backend.ticked_ms)
    return create_app(backend.db, backend.timeseries, backend.links, backend.clock, settings)


async def _stopping_all(work: Coroutine[object, object, None], stop: asyncio.Event) -> None:
    try:
        await work
    finally:
        stop.set()
