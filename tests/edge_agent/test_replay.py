import gzip
import threading
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from contracts.events import is_sign_of_life
from contracts.health import Sensor, SensorRole
from edge_agent.errors import RecordingError, SettingsError
from edge_agent.ports import Reading
from edge_agent.sources.replay import HEADER, ReplaySource, check_recording, read_recording, utc_ms

TOKYO = "Asia/Tokyo"
ROWS = """\
2012-07-18T12:50:01,Entrance,door,1
2012-07-18T12:50:01,Hall,motion,1
2012-07-18T12:50:09,Entrance,door,0
2012-07-18T12:51:00,Cup,item,1
2012-07-18T12:52:00,Kettle,power,1
"""


@pytest.fixture
def recording(tmp_path: Path):
    def write(rows: str = ROWS, header: str = HEADER, name: str = "home.csv") -> Path:
        path = tmp_path / name
        data = f"{header}\n{rows}".encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


def played(source: ReplaySource, resume_after: int = 0) -> dict[int, Reading]:
    """The readings by their place in the recording."""
    readings: dict[int, Reading] = {}
    source.play(lambda reading, position: readings.update({position: reading}), resume_after, threading.Event())
    return readings


@pytest.mark.parametrize("name", ["home.csv", "home.csv.gz"])
def test_each_kind_becomes_an_event_of_the_contract(recording, name: str):
    found = played(ReplaySource(recording(name=name), TOKYO))
    readings = list(found.values())
    assert [(r.sensor, r.kind, dict(r.fields)) for r in readings] == [
        ("Entrance", "contact", {"open": True}),
        ("Hall", "motion", {"motion": True}),
        ("Entrance", "contact", {"open": False}),
        ("Cup", "contact", {"open": True}),
        ("Kettle", "appliance", {"on": True}),
    ]
    assert list(found) == [1, 2, 3, 4, 5]
    assert readings[0].wall_ms == 1342583401000  # 03:50:01 UTC
    assert [is_sign_of_life(r.kind, r.fields) for r in readings] == [True, True, False, True, True]


def test_its_sensors_are_announced_with_their_roles(recording):
    assert ReplaySource(recording(), TOKYO).sensors == (
        Sensor("Cup", SensorRole.OBJECT),
        Sensor("Entrance", SensorRole.ENTRANCE),
        Sensor("Hall", SensorRole.ROOM),
        Sensor("Kettle", SensorRole.APPLIANCE),
    )


def test_it_resumes_after_the_last_committed_row(recording):
    source = ReplaySource(recording(), TOKYO)
    assert list(played(source, 3)) == [4, 5]
    assert played(source, 5) == {}


def test_it_stops_when_told(recording):
    stop = threading.Event()
    seen: list[Reading] = []

    def emit(reading: Reading, position: int) -> None:
        seen.append(reading)
        if len(seen) == 2:
            stop.set()

    ReplaySource(recording(), TOKYO).play(emit, 0, stop)
    assert len(seen) == 2


def test_a_summary_counts_and_spans(recording):
    found = check_recording(recording())
    assert (found.rows, found.first, found.last) == (
        5,
        datetime(2012, 7, 18, 12, 50, 1),  # noqa: DTZ001 - the home's wall clock
        datetime(2012, 7, 18, 12, 52),  # noqa: DTZ001
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2012-07-18T12:5x:00,Hall,motion,1", "bad time '2012-07-18T12:5x:00'"),
        ("2012-07-18T12:53:00+09:00,Hall,motion,1", "bad time .* without a zone"),
        ("0012-07-18T12:53:00,Hall,motion,1", "bad time"),
        ("2012-07-18T12:53:00,Hall,smell,1", "unknown kind 'smell'; known: door, motion, item, power"),
        ("2012-07-18T12:53:00,Hall,motion,on", "value must be 0 or 1, got 'on'"),
        ("2012-07-18T12:53:00,Hall,motion,", "value must be 0 or 1, got ''"),
        ("2012-07-18T12:53:00,,motion,1", "a sensor must have 1 to 128 characters"),
        ("2012-07-18T12:53:00,Hall,motion", "expected 4 columns .* got 3"),
        ("2012-07-18T12:53:00,Hall,motion,1,1", "expected 4 columns .* got 5"),
        ("", "expected 4 columns .* got 1"),
        ("2012-07-18T12:00:00,Hall,motion,1", "time runs backwards: 2012-07-18 12:00:00 after 2012-07-18 12:52:00"),
        ("x" * 2_000, "more than 1000 characters"),
    ],
)
def test_a_broken_row_is_named_by_file_and_line_before_anything_is_played(recording, row: str, said: str):
    path = recording(ROWS + row + "\n")
    with pytest.raises(RecordingError, match=said) as caught:
        ReplaySource(path, TOKYO)
    assert caught.value.line == 7
    assert str(caught.value).startswith(f"{path}:7: ")


def test_bytes_that_are_no_text_are_named_by_line(tmp_path: Path):
    path = tmp_path / "home.csv"
    path.write_bytes(f"{HEADER}\n".encode() + b"2012-07-18T12:53:00,\xff,motion,1\n")
    with pytest.raises(RecordingError, match=r":2: not UTF-8"):
        check_recording(path)


def test_another_header_is_refused(recording):
    with pytest.raises(RecordingError, match=rf":1: the first line must be '{HEADER}'"):
        check_recording(recording(header="time,sensor,kind,value"))


def test_a_byte_order_mark_before_the_header_is_no_fault(recording):
    assert check_recording(recording(header="\ufeff" + HEADER)) == check_recording(recording())


def test_a_recording_without_rows_is_refused(recording):
    with pytest.raises(RecordingError, match="it holds no rows"):
        check_recording(recording(""))


def test_a_truncated_gzip_file_is_named_with_the_line_where_it_ends(recording):
    path = recording(ROWS * 1, name="home.csv.gz")
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(RecordingError, match=r"home\.csv\.gz:\d+: the gzip file ends too early"):
        check_recording(path)


def test_a_spoiled_gzip_file_is_refused(recording):
    path = recording(name="home.csv.gz")
    data = bytearray(path.read_bytes())
    data[-6] ^= 0xFF  # its checksum
    path.write_bytes(bytes(data))
    with pytest.raises(RecordingError, match="not a sound gzip file"):
        check_recording(path)


def test_a_file_that_only_calls_itself_gzip_is_refused(tmp_path: Path):
    path = tmp_path / "home.csv.gz"
    path.write_text(f"{HEADER}\n{ROWS}", encoding="utf-8")
    with pytest.raises(RecordingError, match="not a sound gzip file: Not a gzipped file"):
        check_recording(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(RecordingError, match=r"none\.csv: cannot be read: No such file"):
        check_recording(tmp_path / "none.csv")


@pytest.mark.parametrize("zone", ["Asia/Tokio", "", "../etc/passwd"])
def test_an_unknown_zone_is_refused(recording, zone: str):
    with pytest.raises(SettingsError, match="is not a known IANA zone"):
        ReplaySource(recording(), zone)


def test_where_the_clock_was_set_back_the_earlier_time_is_taken_and_where_ahead_the_gap_is_added():
    vienna = ZoneInfo("Europe/Vienna")
    twice = datetime(2023, 10, 29, 2, 30)  # noqa: DTZ001
    never = datetime(2023, 3, 26, 2, 30)  # noqa: DTZ001
    assert utc_ms(twice, vienna) == 1698539400000  # 00:30 UTC, summer time still
    assert utc_ms(never, vienna) == utc_ms(datetime(2023, 3, 26, 3, 30), vienna)  # noqa: DTZ001


def test_every_recorded_home_is_sound(recordings: Path):
    paths = sorted(recordings.glob("*.csv.gz"))
    assert paths
    rows = {path.name: check_recording(path).rows for path in paths}
    assert rows["hh101.csv.gz"] == 90_990
    first = next(iter(read_recording(recordings / "hh101.csv.gz")))
    assert (first.sensor, first.kind, first.value) == ("LivingRoom", "motion", 1)
