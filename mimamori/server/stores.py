"""The stores of a server, opened and closed again."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Engine

from mimamori.server.settings import StoreSettings
from store.engine import open_store
from store.settings import read_keys
from store.timeseries import open_timeseries
from store.timeseries.port import TimeSeries


@contextmanager
def opened_store(url: str, *, migrate: bool = True) -> Iterator[Engine]:
    """The relational store, for as long as this lasts. Raises StoreError."""
    db = open_store(url, migrate=migrate)
    try:
        yield db
    finally:
        db.dispose()


def missing_file(url: str) -> Path | None:
    """The file of an SQLite address that opening would make; None: it is there, or the address is of no file."""
    path = Path(url.removeprefix("sqlite:///"))
    return path if url.startswith("sqlite:///") and not path.exists() else None


def opened_timeseries(store: StoreSettings) -> closing[TimeSeries]:
    """The time series, for as long as this lasts.

    Raises:
        SettingsError: there is no token in the file that is named.
        TimeSeriesAddressError, TimeSeriesError: it cannot be opened.
    """
    token = read_keys(store.token_file, "store.token_file")[0] if store.token_file else None
    return closing(open_timeseries(store.timeseries, token))
