"""A time series of each kind, the servers for those that need one, and the points that tests write."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulators.vendors.influx_server import InfluxServer, missing_parts
from store.timeseries import Point, TimeSeries
from store.timeseries.influx import InfluxTimeSeries
from store.timeseries.sqlite import SqliteTimeSeries

NEW_YEAR_NS = 1_767_225_600_000_000_000


def need_influx() -> None:
    missing = missing_parts()
    if missing:
        message = f"not installed: {' '.join(missing)} (make parts installs them)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


@pytest.fixture(scope="session")
def shared_influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    need_influx()
    with InfluxServer(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture
def own_influx(tmp_path: Path) -> Iterator[InfluxServer]:
    """One that the test may stop."""
    need_influx()
    with InfluxServer(tmp_path / "influx") as server:
        server.create_database("mimamori")
        yield server


@pytest.fixture
def own_influx_series(own_influx: InfluxServer) -> Iterator[InfluxTimeSeries]:
    series = InfluxTimeSeries(own_influx.url, "council", "mimamori", own_influx.token, timeout_s=5)
    yield series
    series.close()


_databases = itertools.count()


@pytest.fixture(params=["sqlite", pytest.param("influx", marks=pytest.mark.system)])
def series(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TimeSeries]:
    """An empty time series of each kind."""
    if request.param == "sqlite":
        opened: TimeSeries = SqliteTimeSeries(tmp_path / "events.db")
    else:
        server: InfluxServer = request.getfixturevalue("shared_influx")
        database = f"test{next(_databases)}"
        server.create_database(database)
        opened = InfluxTimeSeries(server.url, "council", database, server.token)
    yield opened
    opened.close()


@pytest.fixture
def make_point() -> Callable[..., Point]:
    """Point number n of a gateway, a second after the one before; any attribute can be given."""

    def make(n: int = 1, /, **attributes: object) -> Point:
        usual = {
            "gateway": "01J0HANAKO",
            "ts_ns": NEW_YEAR_NS + n * 1_000_000_000 + n % 1_000_000,
            "sensor": "toilet.door",
            "kind": "contact",
            "fields": '{"open":true}',
            "epoch": "9f3a61c0",
            "n": n,
            "quality": 2,
            "backfilled": False,
        }
        return Point(**(usual | attributes))

    return make
