import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from edge_agent.errors import StorageFull
from edge_agent.outbox.commit import GroupCommit
from edge_agent.outbox.outbox import NewRow, Outbox


@pytest.fixture
def commits(outbox: Outbox) -> GroupCommit:
    return GroupCommit(outbox, commit_ms=50, commit_rows=10, committed=lambda: None)


@contextmanager
def full_disk(outbox: Outbox) -> Iterator[None]:
    outbox._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    outbox._db.execute(f"PRAGMA max_page_count = {outbox._db.execute('PRAGMA page_count').fetchone()[0]}")
    yield
    outbox._db.execute("PRAGMA max_page_count = 1000000")


def big(row: Callable[..., NewRow]) -> NewRow:
    return row(body='"s":"a","k":"b","x":{"note":"' + "x" * 9_000 + '"},"bf":false}')


def test_rows_wait_for_each_other(commits: GroupCommit, outbox: Outbox, row):
    for _ in range(9):
        commits.add(row())
    assert (commits.waiting, outbox.backlog) == (9, 0)
    commits.add(row())
    assert (commits.waiting, outbox.backlog) == (0, 10)


def test_a_priority_row_takes_the_others_along_at_once_and_in_order(commits: GroupCommit, outbox: Outbox, row):
    commits.add(row())
    commits.add(row(priority=True))
    assert [found.n for found in outbox.rows(1, 9, 9, priority=True)] == [2]


def test_a_row_waits_no_longer_than_it_may(commits: GroupCommit, outbox: Outbox, row):
    commits.add(row())
    commits.commit_if_due()
    assert outbox.backlog == 0
    waited_s = time.monotonic()
    commits.wait_for_work()
    assert time.monotonic() - waited_s > 0.02, "it slept until the row was due"
    commits.commit_if_due()
    assert outbox.backlog == 1


def test_a_flush_commits_now_and_tells_the_link(outbox: Outbox, row):
    told = threading.Event()
    commits = GroupCommit(outbox, 10_000, 100, committed=told.set)
    commits.flush()
    assert not told.is_set(), "nothing to commit, nothing to tell"
    commits.add(row(), "replay", 7)
    commits.flush()
    assert told.is_set()
    assert outbox.position("replay") == 7


def test_while_the_disk_is_full_rows_wait_in_memory_and_go_in_order_afterwards(
    commits: GroupCommit, outbox: Outbox, row, caplog
):
    with full_disk(outbox):
        commits.add(big(row), "replay", 1)
        with pytest.raises(StorageFull):
            commits.flush()
        for position in range(2, 31):
            commits.add(row(position), "replay", position)
        commits.try_flush()
        assert "30 events wait in memory" in caplog.text
        assert (commits.waiting, outbox.backlog, outbox.position("replay")) == (30, 0, 0)
    commits.flush()
    assert (commits.waiting, outbox.backlog, outbox.position("replay")) == (0, 30, 30)
    assert [found.t for found in outbox.rows(2, 99, 99, priority=False)] == list(range(2, 31))


def test_a_source_that_can_wait_is_told_when_memory_is_full(commits: GroupCommit, outbox: Outbox, row, monkeypatch):
    monkeypatch.setattr("edge_agent.outbox.commit.MEMORY_ROWS", 5)
    assert commits.wait_for_room(0)
    for _ in range(5):
        commits.add(row())
    assert not commits.wait_for_room(0)
    commits.flush()
    assert commits.wait_for_room(0)


def test_rows_of_a_commit_under_way_still_wait(commits: GroupCommit, outbox: Outbox, row, monkeypatch):
    """A heartbeat meanwhile must not say that the home has nothing to tell."""
    append, seen = outbox.append, []

    def slow(*rows):
        seen.append((commits.waiting, outbox.backlog))
        return append(*rows)

    monkeypatch.setattr(outbox, "append", slow)
    for _ in range(3):
        commits.add(row())
    commits.flush()
    assert seen == [(3, 0)]
    assert (commits.waiting, outbox.backlog) == (0, 3)


def test_many_threads_lose_no_row(outbox: Outbox, row):
    commits = GroupCommit(outbox, 10, 50, committed=lambda: None)
    threads = [threading.Thread(target=lambda: [commits.add(row()) for _ in range(500)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    commits.flush()
    assert outbox.backlog == outbox.last_n == 2_000
