"""How many events a second ingest takes: decode, dedupe, both stores on disk, rhythm and deadlines, ack.

One home's recorded life of half a year at a stretch (every night learned on the way), then many homes at once.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import update

from contracts.clock import ClockQuality
from contracts.envelope import MAX_EVENTS, Batch, encode_batch
from contracts.events import Event
from contracts.health import Meta, Sensor, SensorRole, encode_meta
from ingest.core import Core
from ingest.intake.ports import Inbound
from ingest.nightly import Nightly
from ingest.pipeline import Pipeline
from ingest.settings import IngestSettings
from store.engine import open_store
from store.register.registry import edit
from store.schema import rhythms
from store.timeseries.sqlite import SqliteTimeSeries

START_MS = 1_767_193_200_000  # 2026-01-01 00:00 in Tokyo
DAY_MS = 86_400_000
Life = Callable[[int, int, random.Random], list[Event]]
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


def meter(days: int, a_day: int, chance: random.Random) -> list[Event]:
    """Readings of a meter, evenly spread: a base, a fridge, and a kettle now and then."""
    every_ms = DAY_MS // a_day
    events, kettle_until_ms = [], 0
    for i in range(days * a_day):
        t = START_MS + i * every_ms
        if 7 <= t % DAY_MS / 3_600_000 + 9 - 24 * (t % DAY_MS >= 15 * 3_600_000) < 22 and chance.random() < 8 / 900:
            kettle_until_ms = t + 180_000
        watts = 60 + 110 * (t // 60_000 % 45 < 18) + 2000 * (t < kettle_until_ms) + chance.gauss(0, 5)
        events.append(Event(i + 1, t, ClockQuality.SYNCED, t - START_MS, "meter", "power", {"w": round(watts, 1)}))
    return events


def messages_of(gateway: str, events: list[Event]) -> list[Inbound]:
    """The batches of one gateway."""
    batches = [events[i : i + MAX_EVENTS] for i in range(0, len(events), MAX_EVENTS)]
    return [
        Inbound(f"mim/v1/{gateway}/ev", encode_batch(Batch(gateway, "e", 1, batch, batch[0].n)), batch[-1].t)
        for batch in batches
    ]


def run(what: str, homes: int, days: int, a_day: int, group: int, life: Life = life) -> None:
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
        core = Core(engine, timeseries, IngestSettings(max_lag_s=None))
        pipeline = Pipeline(core)
        for i in range(homes):
            said = Meta("agent 1", (Sensor("meter", SensorRole.METER, ""),) if life is meter else ())
            pipeline.process([Inbound(f"mim/v1/gw-{i}/meta", encode_meta(f"gw-{i}", said), START_MS)])
        begin = time.perf_counter()
        for i in range(0, len(queue), group):
            assert len(pipeline.process(queue[i : i + group])) >= 1
        seconds = time.perf_counter() - begin
        events = homes * days * a_day
        assert timeseries.count() == pipeline.counts.stored == events
        print(f"{what}: {events:,} events in {seconds:.1f} s, {events / seconds:,.0f} a second")
        if homes == 1:
            _time_lessons(core, queue[-1].received_ms)
        timeseries.close()
        engine.dispose()


def _time_lessons(core: Core, now_ms: int) -> None:
    """What it takes to learn all of the one home anew, and to take it up after a restart."""
    begin = time.perf_counter()
    with core.engine.begin() as connection:
        connection.execute(update(rhythms).values(relearn=True))
    again = Core(core.engine, core.timeseries, core.settings)
    assert Nightly(again).tick(now_ms + DAY_MS // 24) == 1
    print(f"    learned anew in {time.perf_counter() - begin:.1f} s")
    begin = time.perf_counter()
    (life,) = again.home_states.all()
    again.meters.cannot_tell(life)
    print(f"    its meter read back in {(time.perf_counter() - begin) * 1000:.0f} ms")


if __name__ == "__main__":
    run("one home, half a year at a stretch, groups of 8 batches", 1, 180, 500, 8)
    run("200 homes, one day, groups of 64 batches", 200, 1, 400, 64)
    run("one home, batches of 200 one by one", 1, 20, 500, 1)
    run("one meter by the minute, half a year at a stretch, groups of 8 batches", 1, 180, 1440, 8, meter)
    run("200 meters by the minute, one day, groups of 64 batches", 200, 1, 1400, 64, meter)
