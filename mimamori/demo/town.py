"""A simulated town with the whole product under it, in one folder of one machine, ready to be moved through time."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fastapi import FastAPI

from contracts.broker import BrokerSettings
from dashboard.demo.phones import add_screens
from dashboard.demo.speed import add_speeds
from dashboard.settings import DashboardSettings
from mimamori.demo.players import Players
from mimamori.demo.report import collapses
from mimamori.demo.speed import SimulatedSpeed
from mimamori.demo.timeline import Timeline
from mimamori.demo.vendors import Phones, open_phones
from mimamori.server.broker import Broker
from mimamori.server.build import Backend, assemble
from mimamori.server.run import listening, pages_of, serve_pages
from mimamori.server.settings import BackendSettings, ServerSettings, StoreSettings
from simulators.fleet.client import FleetClient
from simulators.fleet.homes import Advance, FleetConfig, FleetError, HandClock
from simulators.town.contacts import draw_contacts
from simulators.town.neighbourhood import Neighbourhood, register
from simulators.town.scenario import Scenario

START_PATIENCE_S: Final = 30.0
DRAIN_PATIENCE_S: Final = 300.0
_FASTEST_SPEED: Final = 300.0


@dataclass(frozen=True, slots=True)
class DemoTown:
    """A town at the beginning of what is shown, with its past learned.

    Attributes:
        backend: the real one.
        timeline: moves it.
        speed: how fast, where a page shows it.
        past_events: events of the past that the homes handed to their outboxes.
    """

    backend: Backend
    timeline: Timeline
    speed: SimulatedSpeed
    past_events: int


@contextlib.contextmanager
def set_up(
    town: Neighbourhood,
    scenario: Scenario,
    folder: Path,
    from_ms: int,
    start_ms: int,
    port: int | None = None,
    tell: Callable[[str], None] = lambda _what: None,
) -> Iterator[DemoTown]:
    """Start everything, send the past through it, learn; on leaving, stop everything again.

    Args:
        town: who lives there.
        scenario: what goes wrong.
        folder: where everything lies; it must exist.
        from_ms: begin of the past, ms UTC.
        start_ms: end of the past and begin of the story, ms UTC.
        port: where to serve the pages, for a visitor, who plays whoever is called about those who collapse. None: no
            visitor; the vendors' doubles still reach the product, on a free port.
        tell: called with a few words before each long step.

    Raises:
        UsageError: the pages cannot listen.
        BrokerError, FleetError, DoubleProcessError: a part did not start, or the past did not arrive.
    """
    clock = HandClock()
    clock.set(start_ms)
    speed = SimulatedSpeed(clock, _FASTEST_SPEED)
    with contextlib.ExitStack() as stack:
        listener, pages, phones, broker = _open_doors(stack, folder, port, start_ms, tell)
        beside = stack.enter_context(ThreadPoolExecutor(1))
        homes = FleetConfig(town, broker.url, folder, scenario)
        fleet = stack.enter_context(FleetClient(homes, folder / "fleet.log"))
        living = beside.submit(fleet.history, from_ms, start_ms)  # needs no server, which gets ready meanwhile
        settings = _settings(folder, pages, phones)
        backend = stack.enter_context(assemble(settings, clock, broker))
        contacts = draw_contacts(town)
        register(town, backend.db, from_ms=from_ms, contacts=contacts)
        app = pages_of(backend)
        add_speeds(app, speed)
        add_screens(app, phones.screens)
        _start_serving(backend, app, listener, stack)
        stack.callback(fleet.stop)  # before the server that takes in what it sends
        past_events = _send_the_past(living, fleet, tell)
        tell("learning each rhythm")
        backend.nightly.learn_all(start_ms)
        phones.introduce(town, contacts)
        players = Players(backend, fleet, town, phones, _collapsing(town, scenario) if port is not None else ())
        yield DemoTown(backend, Timeline(backend, fleet, clock, phones, players), speed, past_events)


def _open_doors(
    stack: contextlib.ExitStack, folder: Path, port: int | None, now_ms: int, tell: Callable[[str], None]
) -> tuple[socket.socket, DashboardSettings, Phones, BrokerSettings]:
    """Take the port of the pages, start the phones and the broker; the stack stops them."""
    # Headless too: answers come back as webhooks, to a free port where nobody looks.
    listener = stack.enter_context(listening(DashboardSettings().host, port or 0))
    pages = DashboardSettings(port=listener.getsockname()[1], refresh_s=2.0, phones=folder / "phones")
    tell("starting broker, phones, server and homes")
    phones = stack.enter_context(open_phones(folder, pages.base_url, now_ms))
    broker = stack.enter_context(Broker(folder))
    return listener, pages, phones, BrokerSettings(url=f"mqtt://127.0.0.1:{broker.port}")


def _send_the_past(living: Future[Advance], fleet: FleetClient, tell: Callable[[str], None]) -> int:
    """Wait until the past is lived and stored; gives its number of events. Raises FleetError."""
    tell("living the past")
    past_events = living.result().published
    tell(f"sending {past_events:,} events of the past")
    fleet.connect()
    if left := fleet.wait(DRAIN_PATIENCE_S):
        raise FleetError(f"{left} events of the past were not stored within {DRAIN_PATIENCE_S:.0f} s")
    return past_events


def _settings(folder: Path, pages: DashboardSettings, phones: Phones) -> BackendSettings:
    return BackendSettings(
        server=ServerSettings(secret_file=folder / "secret.key"),
        store=StoreSettings(f"sqlite:///{folder}/mimamori.db", f"sqlite:///{folder}/events.db"),
        dashboard=pages,
        channels=phones.settings(folder, pages.base_url),
    )


def _collapsing(town: Neighbourhood, scenario: Scenario) -> tuple[str, ...]:
    return tuple(town.home(home).person.id for home in scenario if collapses(scenario, home))


def _start_serving(backend: Backend, app: FastAPI, listener: socket.socket, stack: contextlib.ExitStack) -> None:
    """Run the consumer and the pages on a loop of their own thread until the stack unwinds."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server", daemon=True)
    thread.start()
    stop = asyncio.Event()
    pages = serve_pages(app, listener, stop)
    works: list[Coroutine[object, object, None]] = [backend.consumer.run(stop), pages]
    running: list[Future[None]] = [asyncio.run_coroutine_threadsafe(work, loop) for work in works]

    def end() -> None:
        loop.call_soon_threadsafe(stop.set)
        for work in running:
            with contextlib.suppress(TimeoutError):
                work.result(START_PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_PATIENCE_S)
        loop.close()

    stack.callback(end)
    if not backend.consumer.subscribed.wait(START_PATIENCE_S):
        raise FleetError("the server could not subscribe at the broker")
