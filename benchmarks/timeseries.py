"""Points a second into each time series, batch by batch; our own lines beside the client's Point objects.

Claims: SQLite takes more than 40,000 points/s in batches of 5,000, synced to the disk, and reads a home's day in
milliseconds; InfluxDB takes our lines several times faster than the Point objects of its client.

    python benchmarks/timeseries.py [--points 50000]

The ways take turns on the same batches, so that a busy machine slows all of them. InfluxDB is left out, with a word,
where it is not installed.
"""

import argparse
import contextlib
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from influxdb_client import InfluxDBClient, WritePrecision
from influxdb_client import Point as ClientPoint
from influxdb_client.client.write_api import SYNCHRONOUS

from simulators.vendors.influx_server import InfluxServer, missing_parts
from store.timeseries import Point, TimeSeries
from store.timeseries.influx import InfluxTimeSeries
from store.timeseries.sqlite import SqliteTimeSeries

BATCHES = (100, 1_000, 5_000)
HOMES = 100
START_NS = 1_767_225_600_000_000_000
DAY_NS = 86_400 * 10**9

Write = Callable[[Sequence[Point]], None]


def events(first: int, how_many: int) -> list[Point]:
    """Events of `HOMES` homes taking turns; each home's come half a minute apart."""
    return [
        Point(
            gateway=f"01J{n % HOMES:07d}",
            ts_ns=START_NS + n // HOMES * 30 * 10**9 + n % 1_000_000,
            sensor=f"room{n // HOMES % 7}",
            kind="motion",
            fields='{"motion":true}',
            epoch="9f3a61c0",
            n=n,
            quality=2,
            backfilled=False,
        )
        for n in range(first, first + how_many)
    ]


def client_points(client: InfluxDBClient) -> Write:
    """The way of the client's own documentation."""
    api = client.write_api(write_options=SYNCHRONOUS)

    def write(points: Sequence[Point]) -> None:
        records = [
            ClientPoint("event")
            .tag("gw", point.gateway)
            .tag("sensor", point.sensor)
            .tag("kind", point.kind)
            .tag("epoch", point.epoch)
            .field("n", point.n)
            .field("q", point.quality)
            .field("bf", point.backfilled)
            .field("x", point.fields)
            .time(point.ts_ns, WritePrecision.NS)
            for point in points
        ]
        api.write(bucket="objects", record=records, write_precision=WritePrecision.NS)

    return write


@contextlib.contextmanager
def influx(folder: Path) -> Iterator[dict[str, Write | TimeSeries]]:
    """Both ways into a server of our own, each into a database of its own."""
    with InfluxServer(folder) as server, InfluxDBClient(server.url, server.token, org="council") as client:
        server.create_database("lines")
        server.create_database("objects")
        series = InfluxTimeSeries(server.url, "council", "lines", server.token)
        yield {"influx, our lines": series, "influx, Point objects": client_points(client)}
        series.close()


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def rates(writers: dict[str, Write], how_many: int, batch: int, first: int) -> dict[str, float]:
    """Points/s of each way over the same batches, taking turns."""
    spent = dict.fromkeys(writers, 0.0)
    for start in range(first, first + how_many, batch):
        points = events(start, min(batch, first + how_many - start))
        for name, write in writers.items():
            spent[name] += seconds(lambda write=write, points=points: write(points))
    return {name: how_many / took for name, took in spent.items()}


def show_days(name: str, series: TimeSeries) -> None:
    """How long a day of one home takes to read."""
    took = []
    for home in range(30):
        gateway = f"01J{home:07d}"
        took.append(1_000 * seconds(lambda gateway=gateway: list(series.read(gateway, START_NS, START_NS + DAY_NS))))
    size = len(list(series.read("01J0000000", START_NS, START_NS + DAY_NS)))
    print(f"{name}: a home's day of {size} events in {statistics.median(took):.1f} ms (max {max(took):.1f})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=50_000, help="points a way and batch size (default %(default)s)")
    how_many = parser.parse_args().points
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        sqlite = SqliteTimeSeries(Path(name) / "events.db")
        opened: dict[str, Write | TimeSeries] = {"sqlite": sqlite}
        if missing_parts():
            print(f"InfluxDB is left out; not installed: {' '.join(missing_parts())}")
        else:
            opened |= stack.enter_context(influx(Path(name) / "influx"))
        ways: dict[str, Write] = {way: target if callable(target) else target.write for way, target in opened.items()}
        firsts = itertools.count(0, how_many)
        print(f"{'points/s at a batch of':24}" + "".join(f"{batch:>10,}" for batch in BATCHES))
        measured = [rates(ways, how_many, batch, next(firsts)) for batch in BATCHES]
        for way in ways:
            print(f"{way:24}" + "".join(f"{rate[way]:>10,.0f}" for rate in measured))
        if "influx, our lines" in ways:
            ratios = [rate["influx, our lines"] / rate["influx, Point objects"] for rate in measured]
            print(f"{'lines : Point objects':24}" + "".join(f"{ratio:>9.1f}x" for ratio in ratios))
        for way, target in opened.items():
            if not callable(target):
                show_days(way, target)
        sqlite.close()  # moves the log into the file
        stored = (Path(name) / "events.db").stat().st_size
        print(f"sqlite: {stored / how_many / len(BATCHES):.0f} bytes a point on the disk")


if __name__ == "__main__":
    main()
