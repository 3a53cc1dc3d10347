"""The raw text of the CASAS homes, as a home for the evaluation."""

import gzip

import pytest

from edge_agent.errors import RecordingError
from evaluation.casas import is_casas, read_casas
from evaluation.homes import find_recordings, read_home

LINES = """\
2011-06-15 00:06:32.834414 M021 ON
2011-06-15 00:06:33.988964\tM021\tOFF
2011-06-15 00:07:00.1 T101 21.5 Sleep begin
2011-06-15 07:01:02 D001 OPEN Leave_Home begin

2011-06-15 07:01:09.25 D001 CLOSE
2011-06-15 07:02:00.5 I006 ABSENT
2011-06-15 07:02:30.5 LL003 40
2011-06-15 07:02:31.5 LL003 0
2011-06-15 07:03:00.5 MA020 Bedroom Bedroom ON Control4-MotionArea
2011-06-15 07:04:00.5 BATP012 95
2011-06-15 07:05:00.5 OutsideDoor OPEN
"""


@pytest.fixture
def text(tmp_path):
    """A file of that text."""

    def write(content: str, name: str = "hh102.rawdata.txt"):
        file = tmp_path / name
        file.write_text(content)
        return file

    return write


def test_every_kind_of_line_is_read_or_passed_over(text):
    rows = list(read_casas(text(LINES)))
    assert [(row.line, row.sensor, row.kind, row.value) for row in rows] == [
        (1, "M021", "motion", 1.0),
        (2, "M021", "motion", 0.0),
        (4, "D001", "door", 1.0),
        (6, "D001", "door", 0.0),
        (7, "I006", "item", 1.0),
        (8, "LL003", "item", 1.0),
        (9, "LL003", "item", 0.0),
        (10, "MA020", "motion", 1.0),
        (12, "OutsideDoor", "door", 1.0),
    ]
    assert rows[0].local_s % 86_400 == pytest.approx(6 * 60 + 32.834414)


def test_a_folder_of_such_texts_is_a_folder_of_homes(text, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing to see here\n")
    text(LINES)
    with gzip.open(tmp_path / "hh103.txt.gz", "wt") as file:
        file.write(LINES)
    files = find_recordings([tmp_path])
    assert [read_home(file).name for file in files] == ["hh102", "hh103"]
    home = read_home(files[0])
    assert ("M021", "motion") in home.sensors
    assert len(home.local_s) == 9


def test_a_home_whose_file_is_called_data_is_named_after_its_folder(tmp_path):
    (tmp_path / "aruba").mkdir()
    file = tmp_path / "aruba" / "data"
    file.write_text(LINES)
    assert read_home(file).name == "aruba"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2011-06-15 08:00:00.1 M021", "expected date, time, sensor and value"),
        ("2011-06-15 25:00:00.1 M021 ON", "bad time"),
        ("2011-06-15 08:00:00.1 M021 ONc", "M021: 'ONc' is no value of a motion sensor"),
        ("2011-06-15 08:00:00.1 D001 ON", "D001: 'ON' is no value of a door sensor"),
        ("2011-06-15 08:00:00.1 ?? ON", "is no sensor"),
        ("2011-06-15 03:00:00.1 M021 ON", "time runs backwards"),
    ],
)
def test_a_broken_line_is_an_error_that_names_file_and_line(text, line, words):
    with pytest.raises(RecordingError, match=r"rawdata\.txt:13: ") as caught:
        list(read_casas(text(LINES + line + "\n")))
    assert words in str(caught.value)


def test_the_hour_that_comes_twice_at_the_end_of_summer_time_is_no_error(text):
    home = read_home(text("2011-11-06 01:59:00.0 M001 ON\n2011-11-06 01:00:00.0 M001 ON\n"))
    assert home.local_s.tolist() == sorted(home.local_s.tolist())


def test_a_text_in_which_nobody_is_seen_is_refused(text):
    with pytest.raises(RecordingError, match="no line of it tells of a person"):
        read_home(text("2011-06-15 00:07:00.1 T101 21.5\n"))


def test_a_gzip_file_that_was_cut_off_is_refused(tmp_path):
    file = tmp_path / "home.txt.gz"
    with gzip.open(file, "wt") as whole:
        whole.write(LINES * 200)
    assert is_casas(file)
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(RecordingError):
        list(read_casas(file))
