"""kill -9 the alerts at every named point of their way to the doubles of LINE and Twilio: what is lost, what doubled?

``python benchmarks/crash_injection.py --incidents 1000`` does it on SQLite, with ``--store postgresql+psycopg://…`` on
an empty PostgreSQL database; more than one ``--store`` may be given. Each incident is one life: the person is asked,
two neighbours are called, then the council. A child process does the backend's work on the real store, with the real
channels over HTTP, and is killed at one of the points that an undisturbed run passes; another one goes on after an
outage. In one life of three the vendors also answer with errors. Time jumps to what is due next; in between it is real.
A restart is counted from the moment at which the new process works: what a start of Python takes is not in it.
"""

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crash.backend import backend
from crash.figures import Figures
from crash.killing import Seen, child
from crash.village import SILENT_MS, Village, vendors
from simulators.vendors.line.process import LineProcess
from simulators.vendors.twilio.process import TwilioProcess

MINUTE_MS = 60_000
OUTAGES_MS = (1_000, 20_000, 3 * MINUTE_MS, 20 * MINUTE_MS)


def live(village: Village, rng: random.Random, kill_at: int | None, figures: Figures) -> Seen:
    """One life; one in four is killed a second time. Gives what the first backend said."""
    village.begin(rng)
    first = seen = child(village, SILENT_MS, kill_at)
    figures.add_seen(seen)
    while seen.killed:
        again = rng.randrange(8) if rng.random() < 1 / 4 else None
        seen = child(village, seen.clock_ms + rng.choice(OUTAGES_MS), again)
        figures.add_seen(seen)
    if kill_at is None or first.killed:  # a point that was not reached proves nothing
        figures.add(village)
    return first


@contextmanager
def village_of(store: str | None, line: LineProcess, twilio: TwilioProcess) -> Iterator[Village]:
    """The store and the people."""
    with tempfile.TemporaryDirectory(prefix="mimamori-crash-") as folder:
        village = Village(store, Path(folder), line, twilio)
        yield village
        village.db.dispose()


class _Quiet(random.Random):
    """Never lets the vendors fail."""

    def random(self) -> float:
        return 1.0


def run(store: str | None, count: int, seed: int, line: LineProcess, twilio: TwilioProcess) -> Figures:
    """``count`` lives in each of which a backend was killed."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    figures = Figures()
    with village_of(store, line, twilio) as village:
        quiet = _Quiet()
        village.begin(quiet)
        backend(village, SILENT_MS, lambda _words: None)  # the children need not import what is imported late
        points = live(village, quiet, None, Figures()).points
        order = list(range(len(points)))
        while figures.incidents < count:
            if not figures.incidents % len(order):
                rng.shuffle(order)
            live(village, rng, order[figures.incidents % len(order)], figures)
            if figures.incidents % 100 == 0:
                sys.stderr.write(f"{figures.incidents} lives\n")
    return figures


def report(figures: Figures, store: str) -> str:
    """In words."""
    kills = f"{figures.kills} kills at {len(figures.killed_at)} named points"
    return f"""store {store}: {figures.incidents} incidents, {kills}
lost incidents (somebody was never reached)  {figures.lost}
messages left without an end                 {figures.unsettled}
LINE: messages, most acceptances of one      {figures.line_messages}, {figures.line_most}
Twilio: messages and calls, sent twice       {figures.twilio_messages}, {figures.twilio_duplicates}
Twilio: ambiguous tries                      {figures.twilio_ambiguous}
Twilio: duplicates without an ambiguous try  {figures.twilio_duplicates_unexplained}
latest step after its time or the restart    {figures.step_latest_ms / 1000:.2f} s
latest message after its time or the restart {figures.message_latest_ms / 1000:.2f} s
killed {"; ".join(f"{name} {times}" for name, times in sorted(figures.killed_at.items()))}"""


def main() -> int:
    """Run it; 0 when every promise held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=int, default=100)
    parser.add_argument("--store", action="append", help="sqlite, or the address of an empty PostgreSQL database")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--json", action="store_true", help="the figures alone, for a program")
    options = parser.parse_args()
    kept = True
    with vendors() as (line, twilio):
        for store in options.store or ["sqlite"]:
            figures = run(None if store == "sqlite" else store, options.incidents, options.seed, line, twilio)
            print(json.dumps(vars(figures)) if options.json else report(figures, store.partition(":")[0]), flush=True)
            kept &= figures.are_good
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
