"""The store and the time series: do they open, which server takes in events, and what is in them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from edge_agent.clock import SystemClock
from mimamori.commands.doctor.register import look_at_register
from mimamori.server.settings import BackendSettings
from mimamori.server.stores import missing_file, opened_store, opened_timeseries
from store.engine import StoreError, open_store, reading
from store.findings import Finding, made_later, typed
from store.lease import INGEST, Process, has_ended, holder_of
from store.schema import metadata
from store.settings import SettingsError
from store.timeseries import opening, port

_TABLES: Final = frozenset(table.name for table in metadata.sorted_tables)


def look_at_store(settings: BackendSettings, config: Path) -> Iterator[Finding]:
    """Whether the store opens, and what is in it. ``config``: the settings file, for commands."""
    if path := missing_file(settings.store.url):
        yield made_later("store", path)
        return
    try:
        db = open_store(settings.store.url, migrate=False)
        with reading(db) as connection:
            missing = _TABLES - set(inspect(connection).get_table_names())
    except StoreError as error:
        yield Finding("store", "cannot be opened", str(error))
        return
    except Exception as error:  # noqa: BLE001 - whatever a database driver raises is the finding itself
        yield Finding("store", "does not answer", f"{type(error).__name__}; is store.url right, and the database up?")
        return
    if missing:
        db.dispose()
        # None are there in a database that was just made; some in one of an earlier version.
        seen = "without tables" if missing == _TABLES else "without all of its tables"
        yield Finding("store", f"{db.dialect.name}, {seen}: made at the next start", grave=False)
        return
    yield Finding("store", db.dialect.name)
    if "ingest" in settings.server.roles:
        yield _look_at_lease(db, SystemClock().wall_ms(), config)
    yield from look_at_register(db, settings, config)
    db.dispose()


def look_at_timeseries(settings: BackendSettings) -> Iterator[Finding]:
    """Whether the events can be read."""
    if path := missing_file(settings.store.timeseries):
        yield made_later("time series", path)
        return
    try:
        with opened_timeseries(settings.store) as timeseries:
            yield Finding("time series", f"{timeseries.count():,} events")
    except SettingsError as error:
        yield Finding("time series", "no token", str(error))
    except (opening.TimeSeriesAddressError, port.TimeSeriesError) as error:
        yield Finding("time series", "does not answer", str(error))


def server_here(settings: BackendSettings) -> str:
    """The server that runs on this machine with these settings, in words; empty: none is seen."""
    if "ingest" not in settings.server.roles or missing_file(settings.store.url):
        return ""
    try:
        with opened_store(settings.store.url, migrate=False) as db, reading(db) as connection:
            holder = holder_of(connection, INGEST)
    except (StoreError, SQLAlchemyError):
        return ""  # which is a finding of its own, and told there
    here = Process.this()
    if holder is None or holder.process.boot != here.boot or holder.until_ms <= SystemClock().wall_ms():
        return ""
    return "" if has_ended(holder.process, here, one_machine=True) else f"our server, process {holder.process.pid}"


def _look_at_lease(db: Engine, now_ms: int, config: Path) -> Finding:
    """Who takes in events: one process at a time may."""
    what = "who takes in events"
    with reading(db) as connection:
        holder = holder_of(connection, INGEST)
    here = Process.this()
    if holder is None:
        return Finding(what, "nobody now")
    if has_ended(holder.process, here, one_machine=db.dialect.name == "sqlite"):
        start = typed("mimamori", "serve", "--config", config)
        return Finding(what, f"nobody now: {holder}, has ended", "start the server", grave=False, command=start)
    if holder.until_ms <= now_ms:
        remedy = "see whether it still runs, else start the server; are the clocks of both machines right?"
        return Finding(what, f"{holder} and is not renewed", remedy, grave=False)
    elsewhere = holder.process.boot != here.boot
    remedy = f"start no server here while the one on {holder.process.host} runs" if elsewhere else ""
    return Finding(what, str(holder), remedy, grave=False)
