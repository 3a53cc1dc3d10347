"""Opening the relational store, with the settings that lose nothing."""

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 10_000
_MIGRATION_LOCK = 7_204_110_119  # any number, the same for ever


class StoreError(RuntimeError):
    """The store cannot be opened; the message names the address and the remedy."""


def open_store(url: str, *, migrate: bool = True) -> Engine:
    """Open the relational store and bring its schema up to date.

    Args:
        url: an SQLAlchemy address: ``sqlite:////var/lib/mimamori/mimamori.db`` or ``postgresql+psycopg://…``.
        migrate: run the Alembic migrations that are missing.

    Raises:
        StoreError: the address is not one SQLAlchemy understands, its folder is missing, or it cannot be opened.
    """
    try:
        # hide_parameters: a failed statement is logged without the names and phone numbers it carried.
        engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise StoreError(
            f"store.url is not usable ({type(error).__name__}); write sqlite:////path/to/file.db or "
            "postgresql+psycopg://user@host/name (the latter needs the extra: pip install 'mimamori[postgres]')"
        ) from None
    if engine.dialect.name == "sqlite":
        path = engine.url.database
        if path and path != ":memory:" and not Path(path).parent.is_dir():
            raise StoreError(f"the folder {Path(path).parent} does not exist; create it or change store.url")
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    if migrate:
        upgrade(engine)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # SQLAlchemy's BEGIN below, not the driver's own late one
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "synchronous=FULL",  # NORMAL loses acknowledged commits at a power cut
        "foreign_keys=ON",
        "secure_delete=ON",  # what is erased is overwritten, not only unlinked
    ):
        connection.execute(f"PRAGMA {pragma}")
    _write_ahead(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    # Changing the mode of a new file does not wait for others who do the same, as every other statement does.
    give_up_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_s:
                raise
            time.sleep(0.02)
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    # A writer that began as a reader can meet SQLITE_BUSY half-way; taking the lock first makes it wait instead.
    reading = connection.get_execution_options().get("mimamori_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one consistent state and takes no write lock."""
    options: dict[str, Any] = {"mimamori_reading": True}
    if engine.dialect.name == "postgresql":  # its default shows each statement another state
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def upgrade(engine: Engine) -> None:
    """Run the migrations that this database has not seen: all of them or none, and two processes at once take turns.

    Raises:
        StoreError: the database cannot be opened, or a later version of the program has changed it.
    """
    try:
        _upgrade(engine)
    except CommandError as error:
        raise StoreError(
            f"the schema of the store cannot be brought up to date: {error}; is the program old?"
        ) from None
    except DBAPIError as error:
        address = engine.url.render_as_string(hide_password=True)
        raise StoreError(
            f"the store {address} cannot be opened ({type(error.orig).__name__}: {str(error.orig).strip()}); "
            "check that it runs, and its address and permissions in store.url"
        ) from None


def _upgrade(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
