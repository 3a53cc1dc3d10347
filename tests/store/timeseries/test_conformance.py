"""What every time series promises, asked of each adapter: SQLite, and a real InfluxDB behind nginx."""

import dataclasses
import itertools
import random
import threading
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.timeseries import Point, TimeSeries, UnstorablePoint
from store.timeseries.port import LATEST_NS

MakePoint = Callable[..., Point]
EVER = 2**63

ODD_NAMES = [
    "two words",
    " leading and trailing ",
    "a,b=c",
    "quote ' and \"",
    "back\\slash",
    "ends in \\",
    "\\,",
    "\\ ",
    "\\=",
    "\\\\",
    "a\nnew line",
    "a\r\n\ttab",
    "nul \x00",
    "100%",
    "%2C%00",
    "居間の　人感センサー",
    "🙂 e\u0301 \u200d \u202e \ufeff",
    "\ufffd",
    "#comment",
    "x' OR ''='",
    "' OR time > 0 --",
    "n=1i,q=2i 17",
    "/.*/",
    "長" * 128,
]


def test_a_point_comes_back_as_it_was_written(series: TimeSeries, make_point: MakePoint) -> None:
    points = [
        make_point(1),
        make_point(2, quality=0, backfilled=True, kind="power", fields='{"w":-12.5}', sensor="meter"),
        make_point(3, quality=1, epoch="other"),
    ]
    series.write(points)
    assert list(series.read("01J0HANAKO", 0, EVER)) == points


def test_writing_again_changes_nothing(series: TimeSeries, make_point: MakePoint) -> None:
    points = [make_point(n) for n in range(1, 51)]
    series.write(points)
    series.write(points[10:30])
    series.write([*points, *points])
    assert list(series.read("01J0HANAKO", 0, EVER)) == points
    assert series.count() == 50


def test_writing_nothing_is_allowed(series: TimeSeries) -> None:
    series.write([])
    assert series.count() == 0


def test_a_series_nobody_wrote_to_is_empty(series: TimeSeries) -> None:
    assert list(series.read("nobody", 0, EVER)) == []
    assert series.count("nobody") == 0
    series.erase("nobody")
    series.trim(LATEST_NS)


def test_two_events_of_one_millisecond_are_two_points(series: TimeSeries, make_point: MakePoint) -> None:
    at_ns = 1_767_225_600_000_000_000
    points = [make_point(n, ts_ns=at_ns + n) for n in (1, 2, 3)]
    series.write(points)
    assert list(series.read("01J0HANAKO", 0, EVER)) == points


def test_two_outboxes_with_the_same_number_and_time_are_two_points(series: TimeSeries, make_point: MakePoint) -> None:
    points = [make_point(7, epoch="after"), make_point(7, epoch="before")]
    series.write(points[::-1])
    assert list(series.read("01J0HANAKO", 0, EVER)) == points


def test_points_come_in_the_order_of_time_sensor_and_number(series: TimeSeries, make_point: MakePoint) -> None:
    # Three nanoseconds; in each, several sensors and outboxes; "居間" sorts after "b".
    same_ns = 1_767_225_600_000_000_000
    points = [
        make_point(n, ts_ns=same_ns + n % 3, sensor=f"{sensor}{n}", epoch=epoch)
        for n, sensor, epoch in itertools.product(range(1, 13), ("b", "a", "居間"), ("e2", "e1"))
    ]
    shuffled = random.Random(4).sample(points, len(points))
    for start in range(0, len(points), 10):
        series.write(shuffled[start : start + 10])
    assert list(series.read("01J0HANAKO", 0, EVER)) == sorted(
        points, key=lambda point: (point.ts_ns, point.sensor, point.n, point.epoch)
    )


def test_a_span_holds_its_start_and_not_its_end(series: TimeSeries, make_point: MakePoint) -> None:
    points = [make_point(n) for n in range(1, 6)]
    series.write(points)
    assert list(series.read("01J0HANAKO", points[1].ts_ns, points[3].ts_ns)) == points[1:3]
    assert list(series.read("01J0HANAKO", points[1].ts_ns, points[1].ts_ns)) == []
    assert list(series.read("01J0HANAKO", points[3].ts_ns, points[1].ts_ns)) == []
    assert list(series.read("01J0HANAKO", -5, 2**70)) == points


@pytest.mark.parametrize("ts_ns", [0, 1, LATEST_NS - 1, LATEST_NS])
def test_the_first_and_last_times_are_kept(series: TimeSeries, make_point: MakePoint, ts_ns: int) -> None:
    point = make_point(1, ts_ns=ts_ns)
    series.write([point])
    assert list(series.read("01J0HANAKO", ts_ns, ts_ns + 1)) == [point]
    assert list(series.read("01J0HANAKO", ts_ns + 1, EVER)) == []


def test_gateways_do_not_see_each_other(series: TimeSeries, make_point: MakePoint) -> None:
    hers = [make_point(n, gateway="hers") for n in range(1, 4)]
    his = [make_point(n, gateway="his") for n in range(1, 3)]
    series.write([*hers, *his])
    assert list(series.read("hers", 0, EVER)) == hers
    assert (series.count("hers"), series.count("his"), series.count()) == (3, 2, 5)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names_come_back_as_they_were(series: TimeSeries, make_point: MakePoint, name: str) -> None:
    points = [
        make_point(1, gateway=name, fields='{"note":"' + name + '"}'),
        make_point(2, gateway=name, sensor=name),
        make_point(3, gateway=name, kind=name),
        make_point(4, gateway=name, epoch=name),
    ]
    bystander = make_point(5, gateway="bystander")
    series.write([*points, bystander])
    assert list(series.read(name, 0, EVER)) == points
    series.erase(name)
    assert list(series.read("bystander", 0, EVER)) == [bystander]
    assert series.count() == 1


_numbers = itertools.count(1)
_names = st.text(min_size=1, max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gateway=_names, sensor=_names, kind=_names, epoch=_names, fields=st.text(max_size=40))
def test_any_text_comes_back_as_it_was(
    series: TimeSeries, make_point: MakePoint, gateway: str, sensor: str, kind: str, epoch: str, fields: str
) -> None:
    point = make_point(next(_numbers), gateway=gateway, sensor=sensor, kind=kind, epoch=epoch, fields=fields)
    series.write([point])
    assert list(series.read(gateway, point.ts_ns, point.ts_ns + 1)) == [point]


def test_a_long_event_comes_back_whole(series: TimeSeries, make_point: MakePoint) -> None:
    point = make_point(1, fields='{"note":"' + "長" * 80_000 + '"}')
    series.write([point])
    assert list(series.read("01J0HANAKO", 0, EVER)) == [point]


@pytest.mark.parametrize(
    ("attributes", "names"),
    [
        ({"gateway": ""}, "gateway"),
        ({"sensor": ""}, "sensor"),
        ({"kind": ""}, "kind"),
        ({"epoch": ""}, "epoch"),
        ({"sensor": "\ud800"}, "surrogate"),
        ({"fields": '{"a":"\udfff"}'}, "surrogate"),
        ({"ts_ns": -1}, "ts_ns"),
        ({"ts_ns": LATEST_NS + 1}, "ts_ns"),
        ({"n": 2**63, "ts_ns": 1}, "n must"),
        ({"quality": 3}, "quality"),
    ],
)
def test_a_point_that_no_store_can_give_back_is_refused_whole_and_by_name(
    series: TimeSeries, make_point: MakePoint, attributes: dict[str, object], names: str
) -> None:
    with pytest.raises(UnstorablePoint, match=names):
        series.write([make_point(1), make_point(2, **attributes)])
    assert series.count() == 0


def test_a_range_longer_than_one_answer_comes_whole_and_in_order(series: TimeSeries, make_point: MakePoint) -> None:
    points = [make_point(n, sensor=f"s{n % 7}") for n in range(1, 23_001)]
    for start in range(0, len(points), 6_000):
        series.write(points[start : start + 6_000])
    assert list(series.read("01J0HANAKO", 0, EVER)) == points
    assert series.count() == len(points)


def test_a_stream_may_be_left_unfinished(series: TimeSeries, make_point: MakePoint) -> None:
    points = [make_point(n) for n in range(1, 12_001)]
    series.write(points)
    for _ in range(30):
        stream = iter(series.read("01J0HANAKO", 0, EVER))
        assert next(stream) == points[0]
        del stream
    series.write([make_point(12_001)])
    assert series.count() == 12_001


def test_erasing_removes_one_gateway_and_it_can_start_anew(series: TimeSeries, make_point: MakePoint) -> None:
    series.write([make_point(n, gateway=gateway) for n in range(1, 101) for gateway in ("leaves", "stays")])
    series.erase("leaves")
    assert list(series.read("leaves", 0, EVER)) == []
    assert (series.count("leaves"), series.count("stays"), series.count()) == (0, 100, 100)
    again = [make_point(n, gateway="leaves") for n in range(50, 60)]
    series.write(again)
    assert list(series.read("leaves", 0, EVER)) == again


def test_trimming_removes_what_is_older_and_keeps_the_limit(series: TimeSeries, make_point: MakePoint) -> None:
    weeks = [make_point(n, gateway=gw, ts_ns=n * 7 * 86_400 * 10**9) for n in range(1, 11) for gw in ("a", "b")]
    series.write(weeks)
    limit = 5 * 7 * 86_400 * 10**9
    series.trim(limit)
    kept = [point for point in weeks if point.ts_ns >= limit]
    assert [*series.read("a", 0, EVER), *series.read("b", 0, EVER)] == sorted(kept, key=lambda p: (p.gateway, p.n))
    series.trim(2**70)
    assert series.count() == 0


def test_a_reader_sees_everything_acknowledged_before_it_asked(series: TimeSeries, make_point: MakePoint) -> None:
    batches = [[make_point(n) for n in range(start, start + 100)] for start in range(1, 4_001, 100)]
    acknowledged = 0
    failures: list[BaseException] = []

    def write_all() -> None:
        nonlocal acknowledged
        try:
            for batch in batches:
                series.write(batch)
                acknowledged += len(batch)
        except BaseException as error:  # noqa: BLE001 - a thread's failure is shown by the test
            failures.append(error)

    writer = threading.Thread(target=write_all)
    writer.start()
    reads = 0
    while writer.is_alive() or reads == 0:
        before = acknowledged
        numbers = [point.n for point in series.read("01J0HANAKO", 0, EVER)]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= before
        reads += 1
    writer.join()
    assert not failures
    assert series.count() == 4_000


def test_many_threads_may_write_at_once(series: TimeSeries, make_point: MakePoint) -> None:
    everyones = [[make_point(n, gateway=f"gw{who}") for n in range(1, 501)] for who in range(4)]
    failures: list[BaseException] = []

    def write(points: list[Point]) -> None:
        try:
            for start in range(0, len(points), 50):
                series.write(points[start : start + 50])
                series.write(points[: start + 50 : 7])
        except BaseException as error:  # noqa: BLE001 - a thread's failure is shown by the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(points,)) for points in everyones]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [list(series.read(f"gw{who}", 0, EVER)) for who in range(4)] == everyones


def test_a_point_knows_its_millisecond(make_point: MakePoint) -> None:
    point = dataclasses.replace(make_point(1), ts_ns=1_767_225_600_123_000_456)
    assert point.t_ms == 1_767_225_600_123
