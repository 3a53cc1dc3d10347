"""Raw events in InfluxDB, for a city: written over the v2 API, read back with InfluxQL over ``/query``.

That pair is what 1.8, 2.x and 3.x all serve; an older 1.x gets the v2 write path from nginx
(``deploy/server/nginx-influxdb.conf``). Flux is not used: it is gone from 3.
"""

import contextlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import urllib3
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.service.write_service import WriteService

from store.timeseries import influx_text
from store.timeseries.influx_text import COLUMNS
from store.timeseries.port import LATEST_NS, Point, TimeSeriesError, check_point, order

MOST_LINES: Final = 5_000
"""Lines of one write request; more gain nothing."""
MOST_BYTES: Final = 8_000_000
ROWS_A_CHUNK: Final = 5_000
CONNECT_TIMEOUT_S: Final = 3.0

_NO_CONTENT: Final = 204


class InfluxTimeSeries:
    """The time series in one bucket of an InfluxDB.

    Args:
        url: where the v2 write API is, ``http://host:port``.
        org: organisation of the bucket; InfluxDB 1.x takes any.
        bucket: ``database`` or ``database/retention-policy``; it must exist.
        token: API token; it never stands in an error.
        read_url: where ``/query`` is; None: at ``url``.
        timeout_s: how long one request may take; for a stream, how long the next piece of it may take.

    Raises:
        ValueError: an argument that no server could be reached with.
    """

    def __init__(
        self, url: str, org: str, bucket: str, token: str, read_url: str | None = None, timeout_s: float = 10.0
    ) -> None:
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise ValueError("the InfluxDB token must be printable ASCII without spaces, and not empty")
        if not bucket:
            raise ValueError("the InfluxDB bucket must not be empty")
        if not timeout_s > 0:
            raise ValueError("timeout_s must be more than 0")
        for address in (url, read_url or url):
            _check_address(address)
        self._bucket, self._org = bucket, org
        self._url = url.rstrip("/")
        self._read_url = (read_url or url).rstrip("/")
        database, _, policy = bucket.partition("/")
        self._where = {"db": database, "rp": policy} if policy else {"db": database}
        # No retries here: the caller still has its events and knows when to try again.
        self._client: Any = InfluxDBClient(url=self._url, token=token, org=org, timeout=round(timeout_s * 1_000))
        self._writes: Any = WriteService(self._client.api_client)  # type: ignore[no-untyped-call] # not typed there
        timeout = urllib3.Timeout(connect=min(CONNECT_TIMEOUT_S, timeout_s), read=timeout_s)
        self._http = urllib3.PoolManager(
            headers={"Authorization": f"Token {token}"}, timeout=timeout, retries=False, maxsize=8
        )

    def write(self, points: Sequence[Point]) -> None:
        """Store the points, in requests of at most `MOST_LINES` (see the port)."""
        for point in points:
            check_point(point)
        for body in influx_text.bodies(points, MOST_LINES, MOST_BYTES):
            self._post(body)

    def read(self, gateway: str, start_ns: int, end_ns: int) -> Iterator[Point]:
        """The points of one gateway and span, streamed in pieces of `ROWS_A_CHUNK` (see the port)."""
        rows = self._span(influx_text.has_tag("gw", gateway), start_ns, end_ns, COLUMNS)
        points = (influx_text.point_of(gateway, row) for row in rows)
        for _, together in itertools.groupby(points, key=lambda point: point.ts_ns):
            yield from sorted(together, key=order)  # InfluxDB orders by time alone

    def read_kind(self, kind: str, start_ns: int, end_ns: int) -> Iterator[Point]:
        """The points of one kind and span, of all gateways (see the port)."""
        rows = self._span(influx_text.has_tag("kind", kind), start_ns, end_ns, (*COLUMNS, "gw"))
        points = [influx_text.point_of(influx_text.decode_tag(row[-1]), row[:-1]) for row in rows]
        yield from sorted(points, key=lambda point: (point.gateway, *order(point)))

    def count(self, gateway: str | None = None) -> int:
        """How many points are stored of one gateway, or of all."""
        condition = "" if gateway is None else influx_text.has_tag("gw", gateway)
        return sum(row[1] for row in self._rows(influx_text.count(condition)))

    def erase(self, gateway: str) -> None:
        """Remove every point of one gateway."""
        self._change(influx_text.delete(influx_text.has_tag("gw", gateway)))

    def trim(self, before_ns: int) -> None:
        """Remove every point older than ``before_ns``."""
        self._change(influx_text.delete(f"time < {min(before_ns, LATEST_NS)}"))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._http.clear()

    def _post(self, body: bytes) -> None:
        with self._errors("write to", self._url):
            _, status, _ = self._writes.post_write_with_http_info(
                self._org, self._bucket, body, precision="ns", content_type="text/plain; charset=utf-8"
            )
        # Any web server may answer 200 to something it does not understand.
        if status != _NO_CONTENT:
            raise TimeSeriesError(f"{self._url} answered a write with {status}, not {_NO_CONTENT}: is it an InfluxDB?")

    def _span(self, condition: str, start_ns: int, end_ns: int, columns: Sequence[str]) -> Iterator[list[Any]]:
        """The rows of the points that meet a condition, with ``start_ns <= time < end_ns``."""
        first_ns, last_ns = max(start_ns, 0), min(end_ns - 1, LATEST_NS)
        if first_ns <= last_ns:
            # A write under way becomes visible field by field: a row that lacks one is not acknowledged yet.
            rows = self._rows(influx_text.select(condition, first_ns, last_ns, columns))
            yield from (row for row in rows if None not in row)

    def _rows(self, query: str) -> Iterator[list[Any]]:
        """The rows of one SELECT, each beginning with its time in ns."""
        asked = self._where | {"q": query, "epoch": "ns", "chunked": "true", "chunk_size": str(ROWS_A_CHUNK)}
        with self._errors("read from", self._read_url), self._request("GET", asked) as answer:
            more = True
            for piece in answer:
                if piece.strip():
                    result = _result_of(piece)
                    more = result.get("partial", False)
                    for series in result.get("series", ()):
                        yield from series["values"]
            if more:
                raise TimeSeriesError(f"{self._read_url} stopped in the middle of an answer")

    def _change(self, statement: str) -> None:
        asked = self._where | {"q": statement}
        with self._errors("delete at", self._read_url), self._request("POST", asked) as answer:
            _result_of(answer.read())

    @contextlib.contextmanager
    def _request(self, method: str, asked: Mapping[str, str]) -> Iterator[urllib3.BaseHTTPResponse]:
        address = f"{self._read_url}/query"
        answer = self._http.request(method, f"{address}?{urlencode(asked)}", preload_content=False, redirect=False)
        try:
            if answer.status != 200:
                raise TimeSeriesError(f"{address} answered {answer.status}: {_cause(answer.read())}")
            yield answer
            answer.drain_conn()
        finally:
            answer.close()  # after a whole answer the connection is back in the pool already
            answer.release_conn()

    @contextlib.contextmanager
    def _errors(self, doing: str, url: str) -> Iterator[None]:
        try:
            yield
        except InfluxDBError as error:
            cause = _cause(getattr(error, "body", None)) or str(getattr(error, "reason", ""))
            status = getattr(error, "status", None)
            raise TimeSeriesError(f"cannot {doing} the time series at {url}: {status} {cause}") from None
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            raise TimeSeriesError(f"cannot {doing} the time series at {url}: {error}") from None


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:  # .port itself checks digits
        raise ValueError("url and read_url must be http://host:port or https://host:port")


def _result_of(piece: bytes) -> Mapping[str, Any]:
    """The one result in an answer, or in a piece of a chunked one."""
    try:
        answer = json.loads(piece)
        results = answer.get("results") or [{}]
        error = answer.get("error") or results[0].get("error")
    except (ValueError, AttributeError, LookupError):
        raise TimeSeriesError("the answer to a query is not InfluxDB's JSON, or stops in the middle") from None
    if error:
        raise TimeSeriesError(f"InfluxDB refused a query: {str(error)[:300]}")
    return dict(results[0])


def _cause(body: object) -> str:
    """What an error's body, JSON or a proxy's HTML, says is wrong: at most 300 characters."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    title = re.search("<title>(.*?)</title>", text, re.DOTALL)
    if title:
        text = title[1]
    with contextlib.suppress(ValueError, AttributeError):
        answer = json.loads(text)
        text = str(answer.get("error") or answer.get("message") or text)
    return " ".join(text.split())[:300]
