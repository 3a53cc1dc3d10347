import gzip
import json

import pytest

from mimamori.commands.replay import SERVER_TABLES
from mimamori.server.settings import build_settings

HEADER = "ts_iso_local,sensor,kind,value\n"


def replayed(mimamori, tmp_path, *recordings):
    command = mimamori("replay", *recordings, "--report", tmp_path / "r.json")
    assert command.wait(280) == 0, command.output
    assert command.family() == []
    return json.loads((tmp_path / "r.json").read_text())


@pytest.mark.timeout(300)
def test_every_row_of_a_recorded_home_is_stored_once_and_its_silences_have_reasons(mimamori, tmp_path, recordings):
    report = replayed(mimamori, tmp_path, recordings / "hh101.csv.gz")
    assert report["events"] == {
        "rows": 90_990,
        "published": 90_990,
        "stored": 90_990,
        "missing": 0,
        "duplicates_stored": 0,
        "quarantined": 0,
    }
    (home,) = report["homes"]
    assert 5 <= len(home["asks"]) <= 60, "about one ask a week in 180 days"
    for lapse in home["asks"] + home["calls"]:
        assert lapse["since_ms"] < lapse["due_ms"] < lapse["ended_ms"]
        assert "動きがありません" in lapse["reason_ja"]
        assert lapse["reason_en"].endswith(".")


def test_a_replay_removes_nothing_for_being_old(tmp_path):
    assert build_settings(SERVER_TABLES, tmp_path).store.keep_days == 0


@pytest.mark.timeout(300)
def test_several_recordings_are_kept_apart(mimamori, tmp_path, recordings):
    report = replayed(mimamori, tmp_path, *(recordings / f"{name}.csv.gz" for name in ("kastA", "ordA", "mitS1")))
    assert [home["events"]["rows"] for home in report["homes"]] == [1_319, 818, 5_240]
    assert all(home["events"]["missing"] == 0 == home["events"]["duplicates_stored"] for home in report["homes"])


def test_a_small_recording_needs_no_files_from_elsewhere(mimamori, tmp_path):
    path = tmp_path / "small.csv"
    rows = [f"2026-01-01T{hour:02d}:00:00,Kitchen,motion,1\n" for hour in range(24)]
    path.write_text(HEADER + "".join(rows))
    assert replayed(mimamori, tmp_path, path)["events"]["stored"] == 24


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ("2026-13-01T00:00:00,Kitchen,motion,1\n", "broken.csv:3"),
        ("2026-01-01T00:00:00,Kitchen,teleport,1\n", "teleport"),
        ("2026-01-01T00:00:00,Kitchen\n", "broken.csv:3"),
    ],
)
def test_a_broken_row_is_named_by_file_and_line_and_nothing_is_stored(mimamori, tmp_path, row, named):
    path = tmp_path / "broken.csv"
    path.write_text(HEADER + "2026-01-01T00:00:00,Kitchen,motion,1\n" + row)
    command = mimamori("replay", path, "--report", tmp_path / "r.json")
    assert command.wait(60) == 2
    assert named in command.output
    assert "broken.csv:3" in command.output
    assert "Traceback" not in command.output
    assert not (tmp_path / "r.json").exists()


def test_a_recording_given_twice_is_refused(mimamori, tmp_path):
    path = tmp_path / "small.csv"
    path.write_text(HEADER + "2026-01-01T00:00:00,Kitchen,motion,1\n")
    command = mimamori("replay", path, path)
    assert command.wait(60) == 2
    assert "was given twice" in command.output


def test_a_truncated_gzip_is_refused_even_behind_a_sound_file(mimamori, tmp_path):
    sound = tmp_path / "sound.csv"
    sound.write_text(HEADER + "2026-01-01T00:00:00,Kitchen,motion,1\n")
    cut = tmp_path / "cut.csv.gz"
    rows = "".join(
        f"2026-01-01T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d},Kitchen,motion,1\n"
        for second in range(20_000)
    )
    cut.write_bytes(gzip.compress((HEADER + rows).encode())[:-2_000])
    command = mimamori("replay", sound, cut)
    assert command.wait(60) == 2
    assert "cut.csv.gz" in command.output
    assert "Traceback" not in command.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("replay", "home.csv", "--report", "nowhere/r.json"), "name a file in a folder that exists"),
        (("replay", "home.csv", "--report", "."), "name a file in a folder that exists"),
        (("demo", "--headless", "--report", "nowhere/r.json"), "name a file in a folder that exists"),
        (("replay", "home.csv", "--zone", "Asia/Tokio"), "did you mean 'Asia/Tokyo'?"),
    ],
)
def test_what_cannot_be_done_at_the_end_is_said_at_the_beginning(mimamori, tmp_path, arguments, said):
    (tmp_path / "home.csv").write_text("ts_iso_local,sensor,kind,value\n2020-01-01T10:00:00,a,motion,1\n")
    command = mimamori(*arguments)
    assert command.wait(30) == 2
    assert said in command.output
    assert "Traceback" not in command.output
