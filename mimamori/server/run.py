"""``mimamori serve``: the parts of the backend in one process, or the roles that the settings name."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from alerts.incidents import absences, ask_budgets
from contracts.backoff import backoff_s
from contracts.broker import BrokerSettings
from dashboard.app import create_app
from dashboard.site.access import check_bind
from edge_agent.clock import SystemClock
from mimamori import exits
from mimamori.server.broker import Broker, BrokerError
from mimamori.server.build import Backend, assemble
from mimamori.server.metrics import serving
from mimamori.server.settings import BackendSettings, load_settings, timeseries_of
from store.lease import RENEW_S, Lease, LeaseLost
from store.trimming import trim_if_due

log = logging.getLogger(__name__)

ALERTS_S = 1.0
"""How often the alert engine looks for what is due."""
NIGHTLY_S = 30.0
BUDGETS_S = 3600.0
"""How often the ask budgets are computed; they are read once a night."""
RECALL_S = 2.0
"""How often is looked whether the store was read anew, so that presses in the time series may be missing in it."""
ABSENCES_S = 60.0
"""How often the begin and end of absences is written into the ledger."""
REPORT_INGEST_S = 5.0
"""How often ingest records that it is well."""
BESIDE_S = 5.0
"""How often channels do what they do besides sending: the home's ends questions that nobody needs answered any more."""
TRIMMING_S = 3600.0
"""How often is looked whether a day has passed since old events were removed."""
BROKER_LOOK_S = 1.0
"""How often our own broker is looked at."""
_LONGEST_PAUSE_S = 30.0
_LONGEST_ALERTS_S = 5.0
"""One incident that fails for ever must not make everybody else's help button wait."""


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; returns the exit code. ``--store`` and ``--token-file`` override the settings."""
    settings = load_settings(options.config)
    os.umask(0o077)  # what is made here holds names, addresses and how people live
    store = settings.store
    if options.store:
        store = replace(store, timeseries=timeseries_of(options.store, options.config.resolve().parent))
    if options.token_file:
        store = replace(store, token_file=options.token_file)
    settings = replace(settings, store=store)
    with contextlib.ExitStack() as stack:
        has_page = "dashboard" in settings.server.roles
        pages = settings.dashboard
        listener = stack.enter_context(listening(pages.host, pages.port)) if has_page else None
        stack.enter_context(serving(None, settings.server.metrics_port))
        broker = stack.enter_context(broker_of(settings))
        backend = stack.enter_context(assemble(settings, SystemClock(), broker))
        if listener is not None:
            host, port = listener.getsockname()[:2]
            sys.stdout.write(f"The page: http://{host}:{port}/  (Ctrl-C stops the server)\n")
            sys.stdout.flush()
        try:
            asyncio.run(serve(backend, listener))
        except ExceptionGroup as group:
            raise (only_lost_lease(group) or group) from None
    return exits.DONE


def only_lost_lease(group: ExceptionGroup) -> Exception | None:
    """The one error that explains all of them: another process ingests now. None: something else went wrong."""
    found: Exception | None
    found, other = group.split(LeaseLost)
    while isinstance(found, ExceptionGroup):
        found = found.exceptions[0]
    return None if other else found


def listening(host: str, port: int) -> socket.socket:
    """The socket of the pages, bound first of all, so that a port in use is said before anything else is started.

    It takes connections when the pages are served, not before.

    Raises:
        RefusedAddress: the address is not this machine's own.
        UsageError: nothing can listen there.
    """
    address = (check_bind(host), port)
    bound = socket.socket()
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not to wait for the last run's connections
        bound.bind(address)
    except (OSError, OverflowError) as error:  # overflow: no such port
        bound.close()
        words = os.strerror(error.errno or 0) if isinstance(error, OSError) else "a port is 1 to 65535"
        raise exits.UsageError(
            f"the pages cannot listen on {host}:{port} ({words}); stop what uses the "
            "port, or choose another (dashboard.port, or --port of the demo)"
        ) from None
    return bound


@contextlib.contextmanager
def broker_of(settings: BackendSettings) -> Iterator[BrokerSettings]:
    """The broker of the settings, or one of our own for as long as this lasts; only ingest needs one."""
    if not settings.broker.is_embedded or "ingest" not in settings.server.roles:
        yield settings.broker.address
        return
    with (
        tempfile.TemporaryDirectory(prefix="mimamori-broker-") as folder,
        Broker(Path(folder), settings.broker.address.port) as own,
        restarting(own),
    ):
        log.info("broker: %s on 127.0.0.1:%d", own.kind, own.port)
        yield BrokerSettings(url=f"mqtt://127.0.0.1:{own.port}")


@contextlib.contextmanager
def restarting(broker: Broker) -> Iterator[None]:
    """Start the broker again whenever it ends by itself, as long as this lasts: without it every home is unknown."""
    done = threading.Event()

    def keep() -> None:
        while not done.wait(BROKER_LOOK_S):
            if not broker.running:
                log.error("the broker (%s) ended by itself; starting it again", broker.kind)
                try:
                    broker.restart()
                except BrokerError as error:
                    log.error("%s", error)  # looked at again after the same pause

    keeper = threading.Thread(target=keep, name="broker keeper", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()  # a broker that this thread started ends with the thread: the kernel goes by threads


async def serve(backend: Backend, listener: socket.socket | None, stop: asyncio.Event | None = None) -> None:
    """Run the roles of the settings until ``stop``, or without one until SIGTERM or Ctrl-C.

    ``listener`` is that of the pages; None for roles without pages.

    A role that ends for any other reason takes the others with it, and its error is raised.
    """
    if stop is None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        for role in backend.settings.server.roles:
            for work in _work_of(role, backend, listener, stop):
                tasks.create_task(_stopping_all(work, stop))


async def repeat(
    what: str, act: Callable[[], object], every_s: float, stop: asyncio.Event, longest_s: float = _LONGEST_PAUSE_S
) -> None:
    """Do something again and again in a thread; an error is logged, and tried again after a pause that grows.

    Raises:
        LeaseLost: another process does it now.
    """
    failures = 0
    while not stop.is_set():
        try:
            await asyncio.to_thread(act)
            failures, pause_s = 0, every_s
        except LeaseLost:
            raise
        except Exception:
            # Whatever went wrong, a watch that ended here would end in silence. The page shows how old it is.
            failures += 1
            pause_s = backoff_s(failures + 1, every_s, max(every_s, longest_s))
            log.exception("%s failed; trying again in %.0f s", what, pause_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), pause_s)


async def serve_pages(app: FastAPI, listener: socket.socket, stop: asyncio.Event) -> None:
    """Serve the pages until ``stop``."""
    server = _Pages(uvicorn.Config(app, log_level="warning", access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
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


def _work_of(
    role: str, backend: Backend, listener: socket.socket | None, stop: asyncio.Event
) -> list[Coroutine[object, object, None]]:
    def now(act: Callable[[int], object]) -> Callable[[], object]:
        return lambda: act(backend.clock.wall_ms())

    match role:
        case "ingest":
            learn = repeat("learning", now(backend.learn), NIGHTLY_S, stop)
            report_alive = repeat("reporting ingest alive", now(backend.report_ingest_alive), REPORT_INGEST_S, stop)
            recall = repeat("presses", now(backend.pipeline.recall_presses), RECALL_S, stop)
            works = [backend.consumer.run(stop), learn, report_alive, recall]
            if backend.lease is not None:  # held on to however long the store is out of reach
                renew = partial(_renew, backend.lease)
                works.append(repeat("renewing the lease of ingest", now(renew), RENEW_S, stop, RENEW_S))
            if keep_days := backend.settings.store.keep_days:
                trim = partial(trim_if_due, backend.db, backend.timeseries, keep_days=keep_days)
                works.append(repeat("retention", now(trim), TRIMMING_S, stop))
            return works
        case "alerts":
            every_days = backend.settings.alerts.neighbour_false_call_every_days
            budgets = repeat("ask budgets", now(partial(ask_budgets.renew, backend.db, every_days)), BUDGETS_S, stop)
            tick = repeat("alerts", now(backend.tick_alerts), ALERTS_S, stop, _LONGEST_ALERTS_S)
            away = repeat("absences", now(partial(absences.record_absences, backend.db)), ABSENCES_S, stop)
            # Beside the messages, which a home that says nothing would hold up.
            beside = [repeat("what a channel does besides sending", now(act), BESIDE_S, stop) for act in backend.beside]
            return [tick, budgets, away, *beside]
        case _:
            assert listener is not None, "the pages need a socket"  # noqa: S101 - `run` opened it for this role
            return [serve_pages(pages_of(backend), listener, stop)]


def _renew(lease: Lease, now_ms: int) -> None:
    try:
        lease.renew(now_ms)
    except SQLAlchemyError as error:  # one line each time: the store may be out of reach for hours
        log.warning("the lease of ingest could not be renewed (%s); trying again", type(error).__name__)


def pages_of(backend: Backend) -> FastAPI:
    """The pages of a backend."""
    return create_app(
        backend.db,
        backend.timeseries,
        backend.links,
        backend.clock,
        backend.settings.dashboard,
        engine_tick_ms=lambda: backend.ticked_ms,
        webhooks=backend.webhooks,
    )


async def _stopping_all(work: Coroutine[object, object, None], stop: asyncio.Event) -> None:
    try:
        await work
    finally:
        stop.set()
