"""How many events a second ingest takes: decode, dedupe, both stores on disk, rhythm and deadlines, ack.

One home's recorded life of half a year at a stretch (every night learned on the way), then many homes at once.
"""

import random
import tempfile
import time
from pathlib import Path

from contracts.clock import ClockQuality
from contracts.envelope import MAX_EVENTS, Batch, encode_batch
from contracts.events import Event
from ingest.core import Core
from ingest.pipeline import Pipeline
from ingest.ports import Inbound
from ingest.settings import IngestSettings
from store.engine import open_store
from store.registry import edit
from store.timeseries.sqlite import SqliteTimeSeries

START_MS = 1_767_193_200_000  # 2026-01-01 00:00 in Tokyo
DAY_MS = 86_400_000
ROOMS = ("living", "kitchen", "bedroom", "toilet", "bath", "hall")


def life(days: int, a_day: int, chance: random.Random) -> list[Event]:
    """Events of waking hours, spread at random."""
    times = sorted(
        START_MS + day * DAY_MS + chance.randrange(7 * 3_600_000, 22 * 3_600_000)
        for day in range(days)
        for _ in range(a_day)
    )
    return [
        Event(n, t, ClockQuality.SYNCED, t - START_MS, chance.choice(ROOMS), "motion", {"motion": True})
        for n, t in enumerate(times, 1)
    ]


def messages_of(gateway: str, events: list[Event]) -> list[Inbound]:
    """The batches of one gateway."""
    batches = [events[i : i + MAX_EVENTS] for i in range(0, len(events), MAX_EVENTS)]
    return [
        Inbound(f"mim/v1/{gateway}/ev", encode_batch(Batch(gateway, "e", 1, batch, batch[0].n)), batch[-1].t)
        for batch in batches
    ]


def run(what: str, homes: int, days: int, a_day: int, group: int) -> None:
    """Process everything, in groups as the consumer makes them, and print the figure."""
    chance = random.Random(7)  # noqa: S311 - the same lives every time
    lives = [messages_of(f"gw-{i}", life(days, a_day, chance)) for i in range(homes)]
    queue = [message for round_ in zip(*lives, strict=True) for message in round_]
    with tempfile.TemporaryDirectory() as folder:
        engine = open_store(f"sqlite:///{folder}/relational.db")
        with edit(engine, actor="benchmark", now_ms=START_MS) as registry:
            council = registry.add_organisation("Council", "council")
            for i in range(homes):
                registry.add_home(registry.add_person(f"Person {i}"), council, f"gw-{i}", id=f"home-{i}")
        timeseries = SqliteTimeSeries(Path(folder) / "series.db")
        pipeline = Pipeline(Core(engine, timeseries, IngestSettings(max_lag_s=None)))
        begin = time.perf_counter()
        for i in range(0, len(queue), group):
            assert len(pipeline.process(queue[i : i + group])) >= 1
        seconds = time.perf_counter() - begin
        events = homes * days * a_day
        assert timeseries.count() == pipeline.counts.stored == events
        print(f"{what}: {events:,} events in {seconds:.1f} s, {events / seconds:,.0f} a second")
        timeseries.close()
        engine.dispose()


if __name__ == "__main__":
    run("one home, half a year at a stretch, groups of 8 batches", 1, 180, 500, 8)
    run("200 homes, one day, groups of 64 batches", 200, 1, 400, 64)
    run("one home, batches of 200 one by one", 1, 20, 500, 1)
