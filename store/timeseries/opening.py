"""Which time series an address means."""

from urllib.parse import parse_qs, unquote, urlsplit

from store.timeseries.port import TimeSeries
from store.timeseries.sqlite import SqliteTimeSeries

_FORMS = "write sqlite:////path/to/events.db or influx+http://host:8086/bucket?org=name"


class TimeSeriesAddressError(ValueError):
    """The address, or what must come with it, is not usable; the message names the remedy."""


def open_timeseries(url: str, token: str | None = None) -> TimeSeries:
    """Open the time series at an address.

    Args:
        url: ``sqlite:////absolute/path``, ``sqlite:///relative/path``, or ``influx+http://host:port/bucket?org=name``
            (``influx+https``; bucket as ``database`` or ``database/retention-policy``; ``&timeout_s=10`` and
            ``&read_url=http://…`` may follow).
        token: API token of InfluxDB; SQLite has none.

    Raises:
        TimeSeriesAddressError: the address is none of these, or InfluxDB's token is missing.
        TimeSeriesError: the file cannot be opened.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        path = url.removeprefix("sqlite:///")
        if path in (url, "", ":memory:"):
            raise TimeSeriesAddressError(f"the address of the time series names no file; {_FORMS}")
        return SqliteTimeSeries(path)
    if scheme in ("influx+http", "influx+https"):
        return _open_influx(url, token)
    raise TimeSeriesAddressError(f"a time series cannot lie at {scheme!r}; {_FORMS}")


def _open_influx(url: str, token: str | None) -> TimeSeries:
    # Here, so that who keeps events in SQLite does not load the client.
    from store.timeseries.influx import InfluxTimeSeries

    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise TimeSeriesAddressError("a password does not belong into the address of InfluxDB; give a token beside it")
    if not parts.hostname or not parts.path.strip("/"):
        raise TimeSeriesAddressError(f"the address of InfluxDB lacks its host or bucket; {_FORMS}")
    if not token:
        raise TimeSeriesAddressError("InfluxDB needs a token; set it beside the address of the time series")
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = asked.keys() - {"org", "read_url", "timeout_s"}
    if unknown:
        raise TimeSeriesAddressError(f"the address of InfluxDB has an unknown {sorted(unknown)[0]!r}; {_FORMS}")
    try:
        return InfluxTimeSeries(
            url=f"{parts.scheme.removeprefix('influx+')}://{parts.netloc}",
            org=asked.get("org", "mimamori"),
            bucket=unquote(parts.path.strip("/")),
            token=token,
            read_url=asked.get("read_url"),
            timeout_s=float(asked.get("timeout_s", "10")),
        )
    except ValueError as error:
        raise TimeSeriesAddressError(f"the address of InfluxDB is not usable: {error}") from None
