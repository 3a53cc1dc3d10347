import logging
from pathlib import Path

import pytest

from contracts.envelope import Ack
from edge_agent.errors import OutboxBroken
from edge_agent.outbox import salvage
from edge_agent.outbox.outbox import Outbox

PAGE = 4096


def times(outbox: Outbox) -> list[int]:
    found = []
    while rows := outbox.rows(found[-1].n + 1 if found else 1, 2**62, 1_000, priority=False):
        found.extend(rows)
    return [row.t for row in found]


@pytest.fixture
def filled(tmp_path: Path, row) -> Path:
    """An outbox of 2,000 rows whose ``t`` is their number, closed, all in one file."""
    path = tmp_path / "o.db"
    with Outbox(path, "monday") as outbox:
        outbox.append([row(n) for n in range(1, 2_001)], {"replay": 2_000})
    assert not (tmp_path / "o.db-wal").exists()
    return path


def spoil(path: Path, first_page: int, pages: int) -> None:
    with path.open("r+b") as stream:
        stream.seek(first_page * PAGE)
        stream.write(b"\xa5" * (pages * PAGE))


def test_what_can_be_read_of_a_corrupt_file_moves_into_a_new_one(filled: Path, caplog):
    with Outbox(filled, "monday") as outbox:
        epoch = outbox.epoch
    pages = filled.stat().st_size // PAGE
    spoil(filled, pages - 12, 2)
    with caplog.at_level(logging.ERROR), Outbox(filled, "monday") as outbox:
        kept = times(outbox)
        assert outbox.epoch != epoch
        assert 1_500 < len(kept) < 2_000
        assert kept == sorted(kept)
        assert outbox.thinned == 2_000 - len(kept)
        assert (outbox.position("replay"), outbox.boot) == (2_000, 1)
        assert outbox.last_n == len(kept)
    assert "was corrupt" in caplog.text
    assert f"{len(kept)} events were kept" in caplog.text
    assert (filled.parent / "o.db.corrupt-1").stat().st_size == pages * PAGE


def test_numbers_that_an_ack_took_away_are_not_called_lost(filled: Path):
    with Outbox(filled, "monday") as outbox:
        outbox.acknowledge([Ack(outbox.epoch, 1_000, ((1, 1),))])
    spoil(filled, filled.stat().st_size // PAGE - 12, 2)
    with Outbox(filled, "monday") as outbox:
        assert outbox.thinned == 1_001 - len(times(outbox))


def test_a_file_of_which_nothing_can_be_read_is_replaced_and_says_that_something_is_lost(filled: Path):
    spoil(filled, 0, filled.stat().st_size // PAGE)
    with Outbox(filled, "monday") as outbox:
        assert (outbox.backlog, outbox.last_n, outbox.thinned, outbox.boot) == (0, 0, 1, 1)


def test_a_header_whose_format_is_damaged_does_not_keep_the_agent_from_starting(filled: Path):
    with filled.open("r+b") as stream:
        stream.seek(44)  # the number of the schema's format
        stream.write(b"\xa5" * 4)
    with Outbox(filled, "monday") as outbox:
        assert (outbox.backlog, outbox.thinned) == (0, 1)
    assert (filled.parent / "o.db.corrupt-1").exists()


def test_each_corrupt_file_is_kept(filled: Path):
    for _ in range(2):
        spoil(filled, 0, 1)
        Outbox(filled).close()
    assert {path.name for path in filled.parent.glob("*.corrupt-?")} == {"o.db.corrupt-1", "o.db.corrupt-2"}


def test_commits_that_were_only_in_the_write_ahead_log_are_salvaged_too(tmp_path: Path, row):
    path = tmp_path / "live.db"
    with Outbox(path) as outbox:
        outbox.append([row(n) for n in range(1, 2_001)])
        outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        outbox.append([row(n) for n in range(2_001, 2_101)])
        copy = tmp_path / "copy.db"
        for tail in ("", "-wal"):
            copy.with_name(copy.name + tail).write_bytes(path.with_name(path.name + tail).read_bytes())
    spoil(copy, 10, 2)
    with Outbox(copy) as outbox:
        kept = times(outbox)
        assert 1_500 < len(kept) < 2_100
        assert kept[-100:] == list(range(2_001, 2_101))


def test_damage_that_shows_while_running_is_salvaged_and_the_next_commit_lands_in_the_new_file(filled: Path, row):
    with Outbox(filled, "monday") as outbox:
        epoch = outbox.epoch
        outbox._db.execute("PRAGMA shrink_memory")  # or SQLite would not look at the file again
        spoil(filled, filled.stat().st_size // PAGE - 12, 2)
        with pytest.raises(OutboxBroken):
            outbox.rows(1, 2**62, 2_000, priority=False)
        assert outbox.epoch != epoch
        assert 1_500 < outbox.backlog < 2_000
        outbox.append([row(7)])
        assert times(outbox)[-1] == 7


@pytest.mark.parametrize("moved", [(), ("-wal",)])
def test_a_replacement_cut_off_after_it_was_whole_is_finished_at_the_next_start(filled: Path, moved, monkeypatch):
    wal = filled.with_name("o.db-wal")
    wal.write_bytes(b"the log of the corrupt file")
    spoil(filled, filled.stat().st_size // PAGE - 12, 2)
    with monkeypatch.context() as patched:
        patched.setattr(salvage, "finish", power_cut)
        with pytest.raises(KeyboardInterrupt):
            salvage.replace(filled, "test")
    assert filled.with_name("o.db.new").exists()
    for tail in moved:
        if filled.with_name("o.db" + tail).exists():
            filled.with_name("o.db" + tail).rename(filled.with_name("o.db.corrupt-1" + tail))
    with Outbox(filled, "monday") as outbox:
        assert 1_500 < outbox.backlog < 2_000
    assert not filled.with_name("o.db.new").exists()
    assert filled.with_name("o.db.corrupt-1").exists()


def power_cut(_path: Path) -> None:
    raise KeyboardInterrupt


def test_a_half_made_replacement_is_thrown_away_and_made_again(filled: Path):
    spoil(filled, filled.stat().st_size // PAGE - 12, 2)
    filled.with_name("o.db.part").write_bytes(b"half")
    filled.with_name("o.db.part-wal").write_bytes(b"half")
    with Outbox(filled, "monday") as outbox:
        assert 1_500 < outbox.backlog < 2_000
    assert not list(filled.parent.glob("o.db.part*"))
