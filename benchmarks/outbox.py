"""The outbox: group commit beside one-by-one commit in the same run, and how fast a large one opens."""

import tempfile
import time
from pathlib import Path

from edge_agent.outbox.outbox import NewRow, Outbox

ROW = NewRow(1_700_000_000_000, 2, 5_000_000, False, '"s":"toilet.door","k":"contact","x":{"open":true},"bf":false}')
ROUNDS = 5
BACKLOG = 100_000


def events_per_s(outbox: Outbox, group: int, events: int) -> float:
    """How many events a second are committed, ``group`` at a time."""
    started_s = time.perf_counter()
    for _ in range(events // group):
        outbox.append([ROW] * group)
    return events / (time.perf_counter() - started_s)


def compare(folder: Path) -> None:
    """The two ways in turns, so that both meet the same disk and the same neighbours."""
    with Outbox(folder / "compare.db") as outbox:
        rates = [(events_per_s(outbox, 1, 400), events_per_s(outbox, 50, 4_000)) for _ in range(ROUNDS)]
    single, grouped = (sorted(way)[ROUNDS // 2] for way in zip(*rates, strict=True))
    print(f"one by one          {single:10,.0f} events/s")
    print(f"in groups of 50     {grouped:10,.0f} events/s   {grouped / single:.0f} times as many")


def opening(folder: Path) -> None:
    """How long an agent with a month's backlog takes to be ready, damage check included."""
    with Outbox(folder / "large.db") as outbox:
        for _ in range(BACKLOG // 5_000):
            outbox.append([ROW] * 5_000)
    started_s = time.perf_counter()
    with Outbox(folder / "large.db") as outbox:
        first = outbox.rows(1, BACKLOG, 200, priority=False)
        taken_s = time.perf_counter() - started_s
        assert (outbox.backlog, len(first)) == (BACKLOG, 200)
    print(f"opening {BACKLOG:,} rows {taken_s:10.3f} s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name))
        opening(Path(name))
