import signal
import subprocess
import sys
import textwrap
import threading
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.clock import SyncPoint
from contracts.envelope import Ack
from edge_agent.errors import OutboxBroken, OutboxInUse, StorageFull
from edge_agent.outbox.outbox import NewRow, Outbox, SentUpTo


def everything(outbox: Outbox, *, priority: bool = False) -> list[int]:
    return [row.n for row in outbox.rows(1, 2**62, 1_000_000, priority=priority)]


def test_numbers_count_from_one_and_are_never_given_out_twice(tmp_path: Path, row):
    path = tmp_path / "o.db"
    with Outbox(path) as outbox:
        assert outbox.append([row(), row()]) == 2
        outbox.acknowledge([Ack(outbox.epoch, 2)])
        assert everything(outbox) == []
    with Outbox(path) as outbox:
        assert outbox.last_n == 2
        outbox.append([row()])
        assert everything(outbox) == [3]


def test_the_epoch_belongs_to_the_file(tmp_path: Path):
    with Outbox(tmp_path / "a.db") as first, Outbox(tmp_path / "b.db") as second:
        assert first.epoch != second.epoch
        epoch = first.epoch
    with Outbox(tmp_path / "a.db") as again:
        assert again.epoch == epoch


def test_the_boot_counts_up_only_when_the_machine_was_started_again(tmp_path: Path):
    boots = []
    for token in ("monday", "monday", "tuesday", "monday"):
        with Outbox(tmp_path / "o.db", token) as outbox:
            boots.append(outbox.boot)
    assert boots == [1, 1, 2, 3]


def test_an_ack_of_another_epoch_deletes_nothing(outbox: Outbox, row):
    outbox.append([row()] * 3)
    assert outbox.acknowledge([Ack("0123456789abcdef", 3)]) == 0
    assert everything(outbox) == [1, 2, 3]


def test_an_ack_deletes_what_it_covers_and_no_more(outbox: Outbox, row):
    outbox.append([row()] * 10)
    assert outbox.acknowledge([Ack(outbox.epoch, 8, ((2, 3), (6, 6)))]) == 5
    assert everything(outbox) == [2, 3, 6, 9, 10]
    assert outbox.backlog == 5
    assert outbox.lowest() == 2


def test_a_row_that_was_never_sent_stays_whatever_an_ack_says(outbox: Outbox, row):
    outbox.append([row()] * 3 + [row(priority=True)] * 2)
    assert outbox.acknowledge([Ack(outbox.epoch, 99)], SentUpTo(priority=4, normal=2)) == 3
    assert (everything(outbox), everything(outbox, priority=True)) == ([3], [5])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 40), st.lists(st.integers(1, 40), unique=True).map(sorted))
def test_the_rows_that_stay_are_those_that_the_ack_does_not_cover(tmp_path_factory, upto: int, cuts: list[int]):
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    with Outbox(tmp_path_factory.mktemp("ack") / "o.db") as outbox:
        outbox.append([NewRow(0, 2, 0, False, '"s":"a","k":"b","x":{},"bf":false}')] * 30)
        ack = Ack(outbox.epoch, upto, tuple(pairs))
        outbox.acknowledge([ack])
        assert everything(outbox) == [n for n in range(1, 31) if not ack.covers(n)]
        assert outbox.backlog == len(everything(outbox))


def test_the_lanes_are_read_apart(outbox: Outbox, row):
    outbox.append([row(), row(priority=True), row()])
    assert everything(outbox) == [1, 3]
    assert everything(outbox, priority=True) == [2]


def test_a_read_never_mixes_two_boots(tmp_path: Path, row):
    for token in ("monday", "tuesday"):
        with Outbox(tmp_path / "o.db", token) as outbox:
            outbox.append([row()] * 2)
    with Outbox(tmp_path / "o.db", "tuesday") as outbox:
        assert [(found.n, found.boot) for found in outbox.rows(1, 99, 99, priority=False)] == [(1, 1), (2, 1)]
        assert [(found.n, found.boot) for found in outbox.rows(3, 99, 99, priority=False)] == [(3, 2), (4, 2)]


def test_a_position_is_committed_with_its_rows_or_not_at_all(outbox: Outbox, row):
    outbox.append([row()], {"replay": 1})
    with pytest.raises(OutboxBroken):
        outbox.append([row(), row()._replace(body=None)], {"replay": 3})
    assert outbox.position("replay") == 1
    assert everything(outbox) == [1]
    outbox.append([row()], {"replay": 2})
    assert (everything(outbox), outbox.position("replay"), outbox.position("other")) == ([1, 2], 2, 0)


def test_a_sync_repairs_the_times_of_its_own_boot_only(tmp_path: Path, row):
    with Outbox(tmp_path / "o.db", "monday") as outbox:
        outbox.append([row(7, q=0, m=1_000)])
    with Outbox(tmp_path / "o.db", "tuesday") as outbox:
        outbox.append([row(5, q=0, m=1_000), row(6, q=0, m=61_000), row(1_600_000_000_000, q=2, m=70_000)])
        sync = SyncPoint(outbox.boot, wall_ms=1_700_000_100_000, monotonic_ms=100_000)
        assert outbox.repair(sync, SentUpTo(priority=9, normal=2)) == 1
        assert outbox.repair(sync) == 1
        assert outbox.repair(sync) == 0
        monday = outbox.rows(1, 1, 9, priority=False)
        tuesday = outbox.rows(2, 9, 9, priority=False)
    assert [(found.t, found.q) for found in monday] == [(7, 0)]
    assert [(found.t, found.q) for found in tuesday] == [
        (1_700_000_001_000, 1),
        (1_700_000_061_000, 1),
        (1_600_000_000_000, 2),
    ]


def test_a_second_agent_on_the_same_file_is_told_so(tmp_path: Path):
    in_use = pytest.raises(OutboxInUse, match=r"o\.db is in use by another agent \(process \d+\)")
    with Outbox(tmp_path / "o.db"), in_use:
        Outbox(tmp_path / "o.db")
    with Outbox(tmp_path / "o.db") as outbox:
        assert outbox.backlog == 0


def test_a_folder_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(OutboxBroken, match="nowhere"):
        Outbox(tmp_path / "nowhere" / "o.db")


def test_a_waiter_wakes_when_the_last_row_goes(outbox: Outbox, row):
    outbox.append([row()] * 2)
    assert not outbox.wait_until_below(1, 0)
    woken: list[bool] = []
    waiter = threading.Thread(target=lambda: woken.append(outbox.wait_until_below(1, 30)))
    waiter.start()
    outbox.acknowledge([Ack(outbox.epoch, 2)])
    waiter.join(10)
    assert woken == [True]


def test_a_full_disk_stores_nothing_and_harms_nothing(outbox: Outbox, row):
    outbox.append([row()])
    pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
    outbox._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageFull, match="free some space"):
        outbox.append([row()] * 1_000, {"replay": 1_000})
    assert (everything(outbox), outbox.last_n, outbox.position("replay")) == ([1], 1, 0)
    outbox._db.execute("PRAGMA max_page_count = 1000000")
    assert outbox.append([row()]) == 2


WRITER = """
    import sys
    from pathlib import Path
    from edge_agent.outbox.outbox import NewRow, Outbox, SentUpTo
    outbox = Outbox(Path(sys.argv[1]))
    while True:
        rows = [NewRow(1, 2, 3, False, '"s":"a","k":"b","x":{},"bf":false}')] * 7
        last = outbox.append(rows, {"replay": outbox.last_n + 7})
        print(last, flush=True)
"""


def test_what_was_reported_as_committed_survives_kill_9(tmp_path: Path):
    path = tmp_path / "o.db"
    reported = 0
    for _round in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        with writer.stdout:
            for _ in range(20):
                reported = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            reported = max([reported, *(int(line) for line in writer.stdout if line.endswith("\n"))])
        writer.wait(10)
        with Outbox(path) as outbox:
            assert outbox.last_n >= reported
            assert everything(outbox) == list(range(1, outbox.last_n + 1))
            assert outbox.position("replay") == outbox.last_n
            assert outbox.last_n % 7 == 0


def test_opening_a_large_outbox_does_not_load_it(tmp_path: Path, row):
    path = tmp_path / "o.db"
    with Outbox(path) as outbox:
        for _ in range(20):
            outbox.append([row()] * 5_000)
    tracemalloc.start()
    try:
        with Outbox(path) as outbox:
            assert outbox.backlog == 100_000
            assert len(outbox.rows(1, 2**62, 200, priority=False)) == 200
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_commit_waits_for_the_disk_again_after_an_ack_that_did_not(outbox: Outbox, row):
    def pragmas() -> tuple[object, object]:
        return tuple(outbox._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous"))

    full = ("wal", 2)
    assert pragmas() == full
    outbox.append([row()] * 2)
    outbox.acknowledge([Ack(outbox.epoch, 1)])
    assert pragmas() == full
    with pytest.raises(TypeError):
        outbox.acknowledge([Ack(outbox.epoch, None)])  # type: ignore[arg-type]
    assert pragmas() == full


def test_free_pages_go_back_to_the_disk(outbox: Outbox, row):
    outbox.append([row()] * 30_000)
    outbox.acknowledge([Ack(outbox.epoch, 30_000)])
    pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
    outbox.release_free_pages(keep_pages=10, at_most=100)
    assert outbox._db.execute("PRAGMA page_count").fetchone()[0] == pages - 100
