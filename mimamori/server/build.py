"""The parts of the backend, built from settings and held together. What runs them, and when, is not decided here."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from sqlalchemy import Engine as Database
from sqlalchemy.exc import SQLAlchemyError

from alerts.channels.provider import Surroundings
from alerts.channels.registry import by_name, open_channels
from alerts.delivery.sender import Sender
from alerts.incidents.engine import Engine as AlertEngine
from alerts.ports import Channel
from alerts.wording.links import Links
from contracts.broker import BrokerSettings
from contracts.clock import Clock
from ingest.consumer import Consumer
from ingest.core import Core
from ingest.nightly import Nightly
from ingest.noticing import NoteMaker
from ingest.pipeline import Pipeline
from mimamori.exits import UsageError
from mimamori.server.keys import secret_of
from mimamori.server.settings import BackendSettings
from mimamori.server.stores import opened_store, opened_timeseries
from store.duties import Duty, DutyBook
from store.lease import INGEST, Lease, Process
from store.register.file import import_register, load_register
from store.register.registry import RegistryError
from store.settings import usable_broker
from store.timeseries.port import TimeSeries

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Backend:
    """Everything the backend is made of.

    Attributes:
        db, timeseries: the stores.
        clock: what "now" is, for every part.
        pipeline, nightly, note_maker, consumer: ingest. engine, sender: alerts. links: signs responders' links.
        lease: on the role of ingest; None where this process does not play it.
        webhooks: addresses where the vendors of channels call back.
        beside: what channels do every few seconds besides sending, at a time in ms UTC.
        duties: where each part records that it went well, for the auditor.
        ticked_ms: when the alert engine last ran without an error, ms UTC; None before the first time.
    """

    settings: BackendSettings
    clock: Clock
    db: Database
    timeseries: TimeSeries
    links: Links
    pipeline: Pipeline
    nightly: Nightly
    note_maker: NoteMaker
    consumer: Consumer
    engine: AlertEngine
    sender: Sender
    lease: Lease | None
    duties: DutyBook
    webhooks: Sequence[APIRouter]
    beside: Sequence[Callable[[int], object]]
    ticked_ms: int | None = None

    def learn(self, now_ms: int) -> None:
        """Learn what the night is due, and note what the last hour showed besides silence."""
        self.nightly.tick(now_ms)
        self.note_maker.tick(now_ms)
        self.duties.done(Duty.LEARNING, now_ms)

    def report_ingest_alive(self, now_ms: int) -> None:
        """Record that what the homes send is taken in, if it is."""
        if self.consumer.is_well():
            self.duties.done(Duty.INGEST, now_ms)

    def tick_alerts(self, now_ms: int) -> None:
        """Open what must be opened, move what is due, send what is to be sent.

        Raises:
            ExceptionGroup: something failed for some incidents or messages; all others were seen to.
        """
        errors: list[Exception] = []
        for duty, act in ((Duty.ENGINE, self.engine.tick), (Duty.SENDER, self.sender.run_due)):
            # A tick may take long, and a lease taken in the past may be over before it is used.
            at_ms = max(now_ms, self.clock.wall_ms())
            try:
                act(at_ms)
                self.duties.done(duty, at_ms)
            except Exception as error:  # noqa: BLE001 - an incident that cannot be moved must not hold back the messages of all others; raised below
                errors += [error, *self._count(duty, error, at_ms)]
        if errors:
            raise ExceptionGroup("not everything that was due could be done", errors)
        self.ticked_ms = now_ms

    def _count(self, duty: Duty, error: Exception, now_ms: int) -> list[Exception]:
        """Count what went wrong where the auditor reads it; gives what went wrong in that."""
        try:
            self.duties.failed(duty, _count_errors(error), now_ms)
        except SQLAlchemyError as uncounted:
            return [uncounted]
        return []


def every_channel(settings: BackendSettings) -> Mapping[str, Channel]:
    """All that the settings switch on, by name, as the server has them. Raises SettingsError: one cannot be opened."""
    return by_name(open_channels(settings.channels, Surroundings(settings.broker.address, settings.alerts)))


def _count_errors(error: BaseException) -> int:
    """How many things an error is made of."""
    return sum(map(_count_errors, error.exceptions)) if isinstance(error, BaseExceptionGroup) else 1


@contextlib.contextmanager
def assemble(settings: BackendSettings, clock: Clock, broker: BrokerSettings) -> Iterator[Backend]:
    """Open the stores and build the parts; closes what it opened.

    Args:
        settings: of the server.
        clock: what "now" is.
        broker: where the broker is; the settings' one, or the embedded one's address.

    Raises:
        UsageError, SettingsError, StoreError, TimeSeriesError: names what cannot be opened.
        LeaseTaken: another process ingests into this store.
    """
    channels = open_channels(settings.channels, Surroundings(broker, settings.alerts))
    with contextlib.ExitStack() as stack:
        db = stack.enter_context(opened_store(settings.store.url))
        for opened in channels:
            if opened.close:
                stack.callback(opened.close)
        timeseries = stack.enter_context(opened_timeseries(settings.store))
        if settings.server.register is not None:
            import_register_file(db, settings.server.register, clock.wall_ms())
        links = Links(secret_of(settings.server.secret_file), settings.dashboard.base_url, settings.alerts.link_valid_s)
        lease = stack.enter_context(_holding_ingest_lease(db, clock)) if "ingest" in settings.server.roles else None
        core = Core(db, timeseries, settings.ingest, lease=lease)
        pipeline = Pipeline(core)
        worker = f"server-{os.getpid()}"
        yield Backend(
            settings=settings,
            clock=clock,
            db=db,
            timeseries=timeseries,
            links=links,
            pipeline=pipeline,
            nightly=Nightly(core),
            note_maker=NoteMaker(core),
            lease=lease,
            consumer=Consumer(pipeline, clock, usable_broker(broker), settings.ingest),
            engine=AlertEngine(db, settings.alerts),
            sender=Sender(db, by_name(channels), worker, links, settings.alerts),
            duties=DutyBook(db, worker),
            webhooks=[opened.webhooks(db, links, clock) for opened in channels if opened.webhooks],
            beside=[opened.beside(db) for opened in channels if opened.beside],
        )


@contextlib.contextmanager
def _holding_ingest_lease(db: Database, clock: Clock) -> Iterator[Lease]:
    """The lease on the role of ingest, given back at the end. Raises LeaseTaken."""
    lease = Lease(db, INGEST, Process.this())
    lease.take(clock)
    try:
        yield lease
    finally:
        try:
            lease.release()
        except SQLAlchemyError as error:
            log.warning("the lease of ingest could not be given back (%s); it runs out by itself", type(error).__name__)


def import_register_file(db: Database, path: Path, now_ms: int) -> None:
    """Import the register file. Raises UsageError."""
    try:
        import_register(db, load_register(path), "server", now_ms)
    except RegistryError as error:
        raise UsageError(f"{path}: {error}") from None
