"""What is particular to SQLite: power cuts, several processes, and what is left in the file."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from store.timeseries import Point, TimeSeriesError
from store.timeseries.sqlite import SqliteTimeSeries

MakePoint = Callable[..., Point]
EVER = 2**63

# Writes batches of 20 for ever and says after each that it is acknowledged.
WRITER = """
import sys
from store.timeseries import Point
from store.timeseries.sqlite import SqliteTimeSeries

series, start = SqliteTimeSeries(sys.argv[1]), int(sys.argv[2])
while True:
    series.write([
        Point(f"gw{n % 3}", n * 10**9, f"s{n % 5}", "motion", "{}", "e", n, 2, False) for n in range(start, start + 20)
    ])
    start += 20
    print(start, flush=True)
"""


def test_kill_9_of_the_writer_loses_no_acknowledged_point(tmp_path: Path) -> None:
    path, acknowledged = tmp_path / "events.db", 0
    for after_batches in (1, 7, 30):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(acknowledged)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            for _ in range(after_batches):
                writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
            told = writer.stdout.read().split()  # what it had said before it died
        series = SqliteTimeSeries(path)
        stored = sorted(point.n for gateway in ("gw0", "gw1", "gw2") for point in series.read(gateway, 0, EVER))
        series.close()
        assert len(stored) % 20 == 0, "a batch is stored whole or not at all"
        assert stored == list(range(len(stored)))
        assert len(stored) >= acknowledged + 20 * after_batches
        assert not told or len(stored) >= int(told[-1])
        acknowledged = len(stored)


def test_two_processes_may_write_one_file(tmp_path: Path, make_point: MakePoint) -> None:
    ours = SqliteTimeSeries(tmp_path / "events.db")
    ours.write([make_point(1, gateway="hers"), make_point(1, gateway="his")])
    theirs = SqliteTimeSeries(tmp_path / "events.db")
    theirs.erase("hers")
    theirs.write([make_point(1, gateway="somebody new")])
    # Ours still remembers the numbers that "hers" had.
    ours.write([make_point(2, gateway="hers")])
    for series in (ours, theirs):
        assert list(series.read("hers", 0, EVER)) == [make_point(2, gateway="hers")]
        assert list(series.read("somebody new", 0, EVER)) == [make_point(1, gateway="somebody new")]
        series.close()


def test_a_write_that_meets_a_long_lock_is_an_error_and_can_be_tried_again(
    tmp_path: Path, make_point: MakePoint
) -> None:
    series = SqliteTimeSeries(tmp_path / "events.db", busy_timeout_s=0.05)
    other = sqlite3.connect(tmp_path / "events.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TimeSeriesError, match="locked"):
        series.write([make_point(1)])
    assert series.count() == 0, "reading needs no lock"
    other.execute("ROLLBACK")
    other.close()
    series.write([make_point(1)])
    assert list(series.read("01J0HANAKO", 0, EVER)) == [make_point(1)]
    series.close()


def test_a_write_undone_half_way_leaves_nothing_behind(tmp_path: Path, make_point: MakePoint) -> None:
    series = SqliteTimeSeries(tmp_path / "events.db")
    with sqlite3.connect(tmp_path / "events.db") as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON point WHEN new.n = 2 BEGIN SELECT raise(ABORT, 'disk is full'); END"
        )
    with pytest.raises(TimeSeriesError, match="disk is full"):
        series.write([make_point(1), make_point(2)])
    assert series.count() == 0
    other.execute("DROP TRIGGER full")
    other.close()
    series.write([make_point(1), make_point(2)])
    assert list(series.read("01J0HANAKO", 0, EVER)) == [make_point(1), make_point(2)]
    series.close()


def test_a_stream_under_way_does_not_hold_up_the_writer_nor_see_what_it_writes(
    tmp_path: Path, make_point: MakePoint
) -> None:
    series = SqliteTimeSeries(tmp_path / "events.db", busy_timeout_s=0.05)
    points = [make_point(n) for n in range(1, 1_001)]
    series.write(points)
    stream = iter(series.read("01J0HANAKO", 0, EVER))
    begun = [next(stream)]
    series.write([make_point(1_001)])
    series.erase("somebody")
    series.trim(points[500].ts_ns)
    assert begun + list(stream) == points
    assert series.count() == 501
    series.close()


def test_erased_names_and_events_are_not_left_in_the_file(tmp_path: Path, make_point: MakePoint) -> None:
    series = SqliteTimeSeries(tmp_path / "events.db")
    leaving = [make_point(n, gateway="01JLEAVES", sensor="grandmas.room", fields='{"w":271828}') for n in range(1, 500)]
    series.write([*leaving, *(make_point(n) for n in range(1, 500))])
    series.erase("01JLEAVES")
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for trace in (b"01JLEAVES", b"grandmas", b"271828"):
        assert trace not in left
    assert b"01J0HANAKO" in left
    series.close()


def test_a_day_is_read_along_the_key_without_sorting_it(tmp_path: Path) -> None:
    series = SqliteTimeSeries(tmp_path / "events.db")
    from store.timeseries.sqlite import _READ

    with sqlite3.connect(tmp_path / "events.db") as connection:
        plan = " | ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {_READ}", ("a", 0, 1)))
    connection.close()
    series.close()
    assert "SEARCH p USING PRIMARY KEY (gateway=? AND ts_ns>? AND ts_ns<?)" in plan
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


def test_commits_reach_the_disk(tmp_path: Path) -> None:
    series = SqliteTimeSeries(tmp_path / "events.db")
    assert series._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert series._writer.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    series.close()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TimeSeriesError, match="nowhere"):
        SqliteTimeSeries(tmp_path / "nowhere" / "events.db")


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    path.write_text("my shopping list " * 100)
    with pytest.raises(TimeSeriesError, match=r"events\.db.*not a database"):
        SqliteTimeSeries(path)
    assert path.read_text().startswith("my shopping list")


def test_after_closing_a_write_is_an_error(tmp_path: Path, make_point: MakePoint) -> None:
    series = SqliteTimeSeries(tmp_path / "events.db")
    series.close()
    with pytest.raises(TimeSeriesError, match="closed"):
        series.write([make_point(1)])
