"""What is particular to InfluxDB: outages, refusals, and answers that stop in the middle."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simulators.vendors.influx_server import InfluxServer
from store.timeseries import Point, TimeSeriesError
from store.timeseries.influx import InfluxTimeSeries

MakePoint = Callable[..., Point]
Asking = Callable[[InfluxTimeSeries, Point], object]
EVER = 2**63

EVERY_METHOD: list[Asking] = [
    lambda series, point: series.write([point]),
    lambda series, _: list(series.read("01J0HANAKO", 0, EVER)),
    lambda series, _: series.count(),
    lambda series, _: series.erase("01J0HANAKO"),
    lambda series, _: series.trim(5),
]


@pytest.mark.system
def test_an_outage_is_an_error_and_trying_again_stores_everything_once(
    own_influx: InfluxServer, own_influx_series: InfluxTimeSeries, make_point: MakePoint
) -> None:
    points = [make_point(n) for n in range(1, 101)]
    own_influx_series.write(points[:50])
    own_influx.stop_influxd()
    for ask in EVERY_METHOD:
        with pytest.raises(TimeSeriesError, match="502 Bad Gateway"):
            ask(own_influx_series, points[60])
    own_influx.start_influxd()
    own_influx_series.write(points[25:])
    assert list(own_influx_series.read("01J0HANAKO", 0, EVER)) == points


@pytest.mark.system
def test_kill_9_of_the_database_while_writing_loses_and_doubles_nothing(
    own_influx: InfluxServer, own_influx_series: InfluxTimeSeries, make_point: MakePoint
) -> None:
    points = [make_point(n, gateway=f"gw{n % 10}") for n in range(1, 30_001)]
    batches = [points[start : start + 500] for start in range(0, len(points), 500)]
    errors = 0

    def kill_now_and_then() -> None:
        for _ in range(3):
            time.sleep(0.25)
            own_influx.stop_influxd(kill=True)
            time.sleep(0.25)  # long enough for a write to meet the outage on any machine
            own_influx.start_influxd()

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    until = time.monotonic() + 60
    written = 0
    while written < len(batches) or killer.is_alive():  # a fast machine writes some batches once more
        assert time.monotonic() < until
        try:
            own_influx_series.write(batches[written % len(batches)])
            written += 1
        except TimeSeriesError:
            errors += 1
            time.sleep(0.02)
    killer.join()
    assert errors > 0, "no write met an outage: the test shows nothing"
    read = [point for gateway in range(10) for point in own_influx_series.read(f"gw{gateway}", 0, EVER)]
    assert sorted(read, key=lambda point: point.n) == points
    assert own_influx_series.count() == len(points)


@pytest.mark.system
def test_what_is_acknowledged_after_a_crash_that_tore_the_log_outlives_the_next_crash(
    own_influx: InfluxServer, own_influx_series: InfluxTimeSeries, make_point: MakePoint, tmp_path: Path
) -> None:
    points = [make_point(n) for n in range(1, 31)]
    for crash in range(3):
        own_influx_series.write(points[10 * crash : 10 * crash + 10])
        own_influx.stop_influxd(kill=True)
        log = max(path for path in tmp_path.rglob("*.wal") if path.stat().st_size)
        entries = log.read_bytes()
        log.write_bytes(entries + entries[: len(entries) // 2])  # killed in the middle of its next entry
        own_influx.start_influxd()
    assert list(own_influx_series.read("01J0HANAKO", 0, EVER)) == points


@pytest.mark.system
def test_a_database_that_dies_in_the_middle_of_an_answer_is_an_error_not_a_short_day(
    own_influx: InfluxServer, own_influx_series: InfluxTimeSeries, make_point: MakePoint
) -> None:
    for start in range(1, 200_001, 20_000):
        own_influx_series.write([make_point(n, fields="x" * 100) for n in range(start, start + 20_000)])
    stream = own_influx_series.read("01J0HANAKO", 0, EVER)
    assert next(stream).n == 1
    own_influx.stop_influxd(kill=True)
    with pytest.raises(TimeSeriesError):
        for _ in stream:
            pass


@pytest.mark.system
def test_a_point_refused_by_its_field_type_is_named(
    own_influx: InfluxServer, own_influx_series: InfluxTimeSeries, make_point: MakePoint
) -> None:
    own_influx_series._post(b'event,epoch=e,gw=strange,kind=k,sensor=s n="text" 1767225600000000000')
    with pytest.raises(TimeSeriesError, match=r"partial write: field type conflict.*\"n\""):
        own_influx_series.write([make_point(1)])


@pytest.mark.system
def test_points_beyond_the_retention_policy_are_named(own_influx: InfluxServer, make_point: MakePoint) -> None:
    own_influx.execute('CREATE RETENTION POLICY "short" ON "mimamori" DURATION 1h REPLICATION 1')
    series = InfluxTimeSeries(own_influx.url, "council", "mimamori/short", own_influx.token)
    with pytest.raises(TimeSeriesError, match=r"partial write: points beyond retention policy dropped=1"):
        series.write([make_point(1, ts_ns=10**18)])
    series.close()


@pytest.mark.system
def test_a_bucket_can_name_its_retention_policy(own_influx: InfluxServer, make_point: MakePoint) -> None:
    own_influx.execute('CREATE RETENTION POLICY "raw" ON "mimamori" DURATION INF REPLICATION 1')
    raw = InfluxTimeSeries(own_influx.url, "council", "mimamori/raw", own_influx.token)
    usual = InfluxTimeSeries(own_influx.url, "council", "mimamori", own_influx.token)
    raw.write([make_point(1)])
    assert list(raw.read("01J0HANAKO", 0, EVER)) == [make_point(1)]
    assert (raw.count(), usual.count()) == (1, 0)
    raw.close()
    usual.close()


@pytest.mark.system
@pytest.mark.parametrize("ask", EVERY_METHOD)
def test_a_wrong_token_is_refused_and_stands_in_no_error(
    shared_influx: InfluxServer, make_point: MakePoint, ask: Asking
) -> None:
    series = InfluxTimeSeries(shared_influx.url, "council", "mimamori", "s3cret-and-wrong")
    with pytest.raises(TimeSeriesError, match="401") as caught:
        ask(series, make_point(1))
    assert "s3cret" not in repr(caught.value)
    assert shared_influx.token not in repr(caught.value)
    series.close()


@pytest.mark.system
def test_a_bucket_that_does_not_exist_is_named(shared_influx: InfluxServer, make_point: MakePoint) -> None:
    series = InfluxTimeSeries(shared_influx.url, "council", "nowhere", shared_influx.token)
    for ask in EVERY_METHOD:
        with pytest.raises(TimeSeriesError, match=r"not found.*nowhere"):
            ask(series, make_point(1))
    series.close()


@pytest.mark.system
def test_erasing_leaves_no_name_in_the_index(
    own_influx: InfluxServer, own_influx_series: InfluxTimeSeries, make_point: MakePoint
) -> None:
    own_influx_series.write([make_point(n, gateway="01JLEAVES", sensor="grandmas.room") for n in range(1, 50)])
    assert b"grandmas.room" in own_influx.execute('SHOW SERIES ON "mimamori"')
    own_influx_series.erase("01JLEAVES")
    assert json.loads(own_influx.execute('SHOW SERIES ON "mimamori"')) == {"results": [{"statement_id": 0}]}


@pytest.mark.parametrize("ask", EVERY_METHOD)
def test_a_port_nobody_listens_on_is_an_error_at_once(make_point: MakePoint, ask: Asking) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        series = InfluxTimeSeries(f"http://127.0.0.1:{nobody.getsockname()[1]}", "council", "mimamori", "token")
        with pytest.raises(TimeSeriesError, match="refused"):
            ask(series, make_point(1))
        series.close()


@contextlib.contextmanager
def answering(answer: bytes, patience_s: float = 0.0) -> Iterator[str]:
    """A server that says the same to everybody, then hangs up; None of it an InfluxDB."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    connection.settimeout(5)
                    connection.recv(65_536)
                    time.sleep(patience_s)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)


ROW = b'[1,1,2,false,"{}","s","motion","e"]'
COLUMNS = b'"columns":["time","n","q","bf","x","sensor","kind","epoch"]'
PARTIAL = b'{"results":[{"series":[{"name":"event",%s,"values":[%s]}],"partial":true}]}\n' % (COLUMNS, ROW)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(ok(PARTIAL), id="more was announced"),
        pytest.param(ok(PARTIAL + PARTIAL[:40]), id="half a piece"),
        pytest.param(ok(PARTIAL)[:-30], id="shorter than announced"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(PARTIAL), PARTIAL),
            id="no last chunk",
        ),
        pytest.param(ok(b"<html>Welcome</html>"), id="a web page"),
        pytest.param(ok(b""), id="nothing"),
        pytest.param(ok(b"[]"), id="other JSON"),
        pytest.param(ok(b'{"results":[{"error":"timeout"}]}'), id="an error inside"),
        pytest.param(b"", id="a hang-up"),
        pytest.param(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", id="away"),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error(answer: bytes) -> None:
    with answering(answer) as url:
        series = InfluxTimeSeries(url, "council", "mimamori", "token", timeout_s=2)
        with pytest.raises(TimeSeriesError):
            list(series.read("01J0HANAKO", 0, EVER))
        series.close()


def test_a_web_server_that_says_yes_to_everything_is_not_taken_for_a_database(make_point: MakePoint) -> None:
    with answering(ok(b"<html>Welcome</html>")) as url:
        series = InfluxTimeSeries(url, "council", "mimamori", "token", timeout_s=2)
        with pytest.raises(TimeSeriesError, match="answered a write with 200"):
            series.write([make_point(1)])
        series.close()


@pytest.mark.parametrize("ask", EVERY_METHOD)
def test_a_server_that_does_not_answer_is_given_up(make_point: MakePoint, ask: Asking) -> None:
    with answering(b"", patience_s=0.6) as url:
        series = InfluxTimeSeries(url, "council", "mimamori", "token", timeout_s=0.2)
        with pytest.raises(TimeSeriesError, match=r"[Tt]imed out"):
            ask(series, make_point(1))
        series.close()


@pytest.mark.parametrize("token", ["", "two words", "new\nline", "トークン"])
def test_a_token_that_no_header_can_carry_is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(ValueError, match="token must be printable ASCII") as caught:
        InfluxTimeSeries("http://127.0.0.1:1", "council", "mimamori", token)
    assert not token or token not in str(caught.value)
