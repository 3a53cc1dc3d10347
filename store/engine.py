"""Opening the relational store, with the settings that lose nothing."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 10_000


class StoreError(RuntimeError):
    """The store cannot be opened; the message names the address and the remedy."""


def open_store(url: str, *, migrate: bool = True) -> Engine:
    """Open the relational store and bring its schema up to date.

    Args:
        url: an SQLAlchemy address: ``sqlite:////var/lib/mimamori/mimamori.db`` or ``postgresql+psycopg://…``.
        migrate: run the Alembic migrations that are missing.

    Raises:
        StoreError: the address is not one SQLAlchemy understands, or its folder is missing.
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


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401 - any DBAPI's connection
    connection.isolation_level = None  # SQLAlchemy's BEGIN below, not the driver's own late one
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL loses acknowledged commits at a power cut
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    # A writer that began as a reader can meet SQLITE_BUSY half-way; taking the lock first makes it wait instead.
    reading = connection.get_execution_options().get("mimamori_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextlib.contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one consistent state and takes no write lock."""
    with engine.connect().execution_options(mimamori_reading=True) as connection, connection.begin():
        yield connection


def upgrade(engine: Engine) -> None:
    """Run the migrations that this database has not seen."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
