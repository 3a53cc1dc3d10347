"""Addresses of time series, good and bad."""

import subprocess
import sys
from pathlib import Path

import pytest

from store.timeseries import TimeSeriesAddressError, open_timeseries
from store.timeseries.influx import InfluxTimeSeries
from store.timeseries.sqlite import SqliteTimeSeries


def test_an_absolute_path_opens_a_file(tmp_path: Path) -> None:
    series = open_timeseries(f"sqlite:///{tmp_path}/events.db")
    assert isinstance(series, SqliteTimeSeries)
    assert (tmp_path / "events.db").is_file()
    series.close()


def test_a_relative_path_opens_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_timeseries("sqlite:///events.db").close()
    assert (tmp_path / "events.db").is_file()


@pytest.mark.system
def test_an_influx_address_opens_a_bucket(shared_influx, make_point) -> None:
    shared_influx.create_database("opened")
    url = f"influx+{shared_influx.url}/opened%2Fautogen?org=council&timeout_s=5&read_url={shared_influx.url}"
    series = open_timeseries(url, shared_influx.token)
    assert isinstance(series, InfluxTimeSeries)
    series.write([make_point(1)])
    assert list(series.read("01J0HANAKO", 0, 2**63)) == [make_point(1)]
    series.close()


@pytest.mark.parametrize(
    ("url", "token", "says"),
    [
        ("postgresql://host/db", None, "'postgresql'"),
        ("", None, "''"),
        ("events.db", None, "write sqlite:////"),
        ("sqlite://events.db", None, "names no file"),
        ("sqlite:///", None, "names no file"),
        ("sqlite:///:memory:", None, "names no file"),
        ("influx+http://host:8086/", "t", "host or bucket"),
        ("influx+http:///bucket", "t", "host or bucket"),
        ("influx+http://host/bucket", None, "needs a token"),
        ("influx+http://user:pass@host/bucket", "t", "password does not belong"),
        ("influx+http://host/bucket?orgg=x", "t", "unknown 'orgg'"),
        ("influx+http://host/bucket?timeout_s=soon", "t", "not usable"),
        ("influx+http://host/bucket?timeout_s=0", "t", "timeout_s"),
        ("influx+http://host:port/bucket", "t", "not usable"),
        ("influx+http://host/bucket?read_url=ftp://x", "t", "read_url"),
    ],
)
def test_an_address_that_cannot_be_used_says_what_to_write(url: str, token: str | None, says: str) -> None:
    with pytest.raises(TimeSeriesAddressError) as caught:
        open_timeseries(url, token)
    assert says in str(caught.value)
    assert "pass@" not in str(caught.value)


def test_who_keeps_events_in_sqlite_does_not_load_the_influx_client() -> None:
    code = "import sys, store.timeseries as t; sys.exit('influxdb_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
