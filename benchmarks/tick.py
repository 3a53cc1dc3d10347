"""What one round of the alerts costs: 10,000 homes, 100 open incidents, 400 messages due, a year of closed incidents.

Printed are (1) a tick that finds nothing to do, the round that a server makes all day; (2) the tick in which the 100
incidents are all due and move, a transaction each; (3) a run of the sender over the 400 messages, a lease and a record
each, by a channel that answers at once; the channel's own time is left out. Only (1) has a limit, and the program ends
with 1 when it is missed: (2) and (3) are hundreds of transactions, and are printed beside what the same takes where
commits do not wait for the disk. (2) and (3) begin with a fresh copy of the store each time, after a first round that
is not counted. ``--postgres`` takes the address of any database of a server where databases may be made.
"""

import argparse
import cProfile
import json
import pstats
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, event, update

from alerts.delivery.sender import Sender
from alerts.incidents.engine import Engine as AlertEngine
from alerts.incidents.engine import TickReport
from alerts.ports import OutgoingMessage, SendOutcome, SendResult
from alerts.settings import AlertsSettings
from alerts.wording.links import Links
from store.schema import incidents
from ticking.copies import PostgresDatabase, SqliteFile, Store
from ticking.town import EACH, HOUR_MS, NOW_MS, OPEN

T = TypeVar("T")
HOMES = 10_000
LIMIT_MS = 100.0
TICKS = 20  # of each copy


# ---- The measurements ------------------------------------------------------------------------------------------------


class AtOnce:
    """A channel that takes every message at once, and knows how long it had them."""

    name = "outbox"

    def __init__(self) -> None:
        self.spent_s = 0.0
        self.sent = 0

    def send(self, message: OutgoingMessage) -> SendResult:
        """Take it."""
        begin_s = time.perf_counter()
        self.sent += 1
        result = SendResult(SendOutcome.OK, vendor_id=message.delivery_id)
        self.spent_s += time.perf_counter() - begin_s
        return result


def _timed(work: Callable[[int], T]) -> tuple[T, float]:
    """What work at `NOW_MS` gives, and its milliseconds."""
    begin_s = time.perf_counter()
    result = work(NOW_MS)
    return result, 1000 * (time.perf_counter() - begin_s)


def steady(store: Store, rounds: int) -> list[float]:
    """Milliseconds of a tick that finds nothing to do: the first one, then those that count."""
    store.renew()
    engine = AlertEngine(store.db, AlertsSettings())
    engine.tick(NOW_MS - 3 * HOUR_MS)  # the backend receives from the homes since then: it looks for lost devices
    spent = []
    for _ in range(rounds * TICKS):
        report, spent_ms = _timed(engine.tick)
        spent.append(spent_ms)
        assert report == TickReport(), report
    return spent


def moving(store: Store, rounds: int) -> list[float]:
    """Milliseconds of the tick in which every open incident is due and moves."""
    spent = []
    for _ in range(rounds + 1):
        store.renew()
        engine = AlertEngine(store.db, AlertsSettings())
        engine.tick(NOW_MS - 3 * HOUR_MS)
        with store.db.begin() as connection:
            due = update(incidents).where(incidents.c.id.like("open-%")).values(next_due_ms=NOW_MS)
            connection.execute(due)
        report, spent_ms = _timed(engine.tick)
        spent.append(spent_ms)
        assert report.moved >= OPEN, report
    return spent[1:]


def sending(store: Store, rounds: int) -> tuple[list[float], float]:
    """Milliseconds of a run of the sender without those in the channel; and these, of all runs together."""
    spent, in_channel_ms = [], 0.0
    for _ in range(rounds + 1):
        store.renew()
        channel = AtOnce()
        links = Links("a secret of the benchmark only", "http://127.0.0.1:1")
        # A machine that is slow would leave some for the next run: all of them are to be measured.
        settings = AlertsSettings(lease_s=3600)
        sender = Sender(store.db, {"outbox": channel}, "benchmark", links, settings)
        _, whole_ms = _timed(sender.run_due)
        assert channel.sent == OPEN * EACH, channel.sent
        in_channel_ms += 1000 * channel.spent_s
        spent.append(whole_ms - 1000 * channel.spent_s)
    return spent[1:], in_channel_ms


@contextmanager
def without_the_disk(store: Store) -> Iterator[None]:
    """Commits meanwhile wait for no disk."""
    asynchronous = "PRAGMA synchronous=OFF" if isinstance(store, SqliteFile) else "SET synchronous_commit = off"

    def prepare(connection: Any, _entry: object) -> None:  # noqa: ANN401 - of either driver
        cursor = connection.cursor()
        cursor.execute(asynchronous)
        cursor.close()
        if not isinstance(store, SqliteFile):
            connection.commit()

    event.listen(store.db, "connect", prepare)
    store.db.dispose()
    try:
        yield
    finally:
        event.remove(store.db, "connect", prepare)
        store.db.dispose()


# ---- Where the time goes ---------------------------------------------------------------------------------------------


@contextmanager
def statements_timed(db: Engine) -> Iterator[dict[str, list[float]]]:
    """Milliseconds of each execution, by the statement's text."""
    spent: dict[str, list[float]] = defaultdict(list)

    def before(_connection: object, _cursor: object, _text: str, _given: object, context: Any, _many: bool) -> None:  # noqa: ANN401
        context.tick_began_s = time.perf_counter()

    def after(_connection: object, _cursor: object, text: str, _given: object, context: Any, _many: bool) -> None:  # noqa: ANN401
        spent[" ".join(text.split())].append(1000 * (time.perf_counter() - context.tick_began_s))

    event.listen(db, "before_cursor_execute", before)
    event.listen(db, "after_cursor_execute", after)
    yield spent
    event.remove(db, "before_cursor_execute", before)
    event.remove(db, "after_cursor_execute", after)


def explain(store: Store, rows: int) -> None:
    """Print where the time of each measurement goes: functions by their own time, and statements."""
    for name, work in (("steady", steady), ("moving", moving), ("sending", sending)):
        work(store, 1)
        profile = cProfile.Profile()
        profile.runcall(work, store, 1)
        print(f"\n==== {name}: functions by their own time (with the building up of each copy)")
        pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(rows)
        with statements_timed(store.db) as spent:
            work(store, 1)
        print(f"==== {name}: statements by time")
        for text, times in sorted(spent.items(), key=lambda item: -sum(item[1]))[:rows]:
            print(f"{sum(times):9.1f} ms in {len(times):5} x {statistics.median(times):8.3f} ms  {text[:2000]}")


# ---- All of it -------------------------------------------------------------------------------------------------------


def measure(store: Store, rounds: int) -> dict[str, dict[str, float]]:
    """Every figure, in ms."""
    found = {}
    idle = steady(store, rounds)
    found["steady"] = _figures(idle[1:]) | {"first": idle[0]}
    for way, name in ((None, ""), (without_the_disk, " without the disk")):
        with way(store) if way else nullcontext():
            found[f"moving{name}"] = _figures(moving(store, rounds))
            sent, in_channel_ms = sending(store, rounds)
            found[f"sending{name}"] = _figures(sent) | {"channel": in_channel_ms / (rounds + 1)}
    return found


def _figures(spent: Sequence[float]) -> dict[str, float]:
    return {"min": min(spent), "median": statistics.median(spent)}


def report(found: dict[str, dict[str, float]], options: argparse.Namespace) -> str:
    """In words."""
    lines = [f"{options.homes:,} homes, {OPEN} open incidents, {OPEN * EACH} messages due, {options.history:,} closed"]
    for name, figures in found.items():
        what = ", ".join(f"{key} {ms:8.1f} ms" for key, ms in figures.items())
        lines.append(f"{name:26} {what}")
    return "\n".join(lines)


def main() -> int:
    """Measure and print; 1 when the tick takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--homes", type=int, default=HOMES)
    parser.add_argument("--history", type=int, help="closed incidents; as many as homes, or more")
    parser.add_argument("--rounds", type=int, default=5, help="copies of the store that are measured")
    parser.add_argument("--limit-ms", type=float, default=LIMIT_MS, help="the most that the quickest tick may take")
    parser.add_argument("--postgres", metavar="URL", help="measure there instead of on SQLite")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures there as well")
    parser.add_argument("--profile", type=int, metavar="ROWS", help="print where the time goes instead")
    options = parser.parse_args()
    if options.homes < HOMES:
        parser.error(f"--homes must be at least {HOMES}: with fewer, open incidents share an area and are told as one")
    options.history = max(options.history or 0, options.homes)  # those of help answer the presses of every home
    with tempfile.TemporaryDirectory(prefix="mimamori-tick-") as folder:
        store: Store = PostgresDatabase(options.postgres) if options.postgres else SqliteFile(Path(folder))
        try:
            store.build(options.homes, options.history)
            if options.profile:
                explain(store, options.profile)
                return 0
            found = measure(store, options.rounds)
        finally:
            store.close()
    print(report(found, options))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    kept = found["steady"]["min"] <= options.limit_ms  # what the others of this machine do in between is not meant
    print(f"a tick may take {options.limit_ms:.0f} ms: {'kept' if kept else 'MISSED'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
