"""One registered home with one gateway, on a real SQLite store and a real time series."""

import json
import shutil
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from contracts.clock import ClockQuality
from contracts.envelope import Batch, decode_ack, encode_batch
from contracts.events import Event
from contracts.health import (
    GatewayState,
    Heartbeat,
    Meta,
    Sensor,
    SensorHealth,
    SensorRole,
    encode_heartbeat,
    encode_meta,
    encode_state,
)
from contracts.topics import Leaf, topic
from ingest.core import Core
from ingest.intake.ports import Inbound
from ingest.nightly import Nightly
from ingest.pipeline import Pipeline
from ingest.settings import IngestSettings
from store import schema
from store.engine import open_store, reading
from store.register.registry import edit
from store.timeseries.sqlite import SqliteTimeSeries

GATEWAY, EPOCH, HOME = "gw-1", "epoch-1", "home-1"
NOON_MS = 1_767_236_400_000  # 2026-01-01 12:00 in Tokyo
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000

SENSORS = (
    Sensor("front", SensorRole.ENTRANCE, "hall"),
    Sensor("living", SensorRole.ROOM, "living"),
    Sensor("fridge", SensorRole.OBJECT, "kitchen"),
)
KINDS = {"front": ("contact", "open"), "living": ("motion", "motion"), "fridge": ("contact", "open")}


def event(n, t, sensor="living", on=True, *, bf=False, **other):
    kind, name = KINDS.get(sensor, ("motion", "motion"))
    fields = {"k": kind, "x": {name: on}} | other
    return Event(n=n, t=t, q=ClockQuality.SYNCED, m=t % 10**9, s=sensor, bf=bf, **fields)


def press(n, t, what, *, bf=False):
    return event(n, t, "button", k="button", x={"press": what}, bf=bf)


def eventful_days(backend):
    """Messages of four days: a silence too long, nights to learn, and back-filled events at the end."""
    times = [NOON_MS + i * 40 * MINUTE_MS + (15 * HOUR_MS if i > 60 else 0) for i in range(120)]
    events = [event(n, t, ("living", "front", "fridge")[n % 3], bf=n > 110) for n, t in enumerate(times, 1)]
    batches = [backend.batch(events[i : i + 30]) for i in range(0, 120, 30)]
    return [backend.meta(), batches[0], batches[1], backend.heartbeat(batches[1].received_ms), *batches[2:]]


@dataclass
class Backend:
    """The backend's ingest over stores in a folder, and short ways to speak to it."""

    folder: Any
    settings: IngestSettings = field(default_factory=IngestSettings)
    wrap: Any = None  # what to put around the time series

    def __post_init__(self):
        self.engine = open_store(f"sqlite:///{self.folder}/relational.db", migrate=False)
        self.timeseries = SqliteTimeSeries(self.folder / "series.db")
        self.start()

    def start(self):
        """As after a restart of the process: nothing in memory."""
        timeseries = self.wrap(self.timeseries) if self.wrap else self.timeseries
        self.core = Core(self.engine, timeseries, self.settings)
        self.pipeline = Pipeline(self.core)
        self.nightly = Nightly(self.core)

    def close(self):
        self.timeseries.close()
        self.engine.dispose()

    def register(self, home=HOME, gateway=GATEWAY, zone="Asia/Tokyo", now_ms=NOON_MS):
        with edit(self.engine, actor="test", now_ms=now_ms) as registry:
            registry.put_organisation("council", "社会福祉協議会", "council")
            registry.put_person(f"person-of-{home}", "山田 花子")
            registry.put_home(home, f"person-of-{home}", "council", gateway, zone)

    # ---- messages ----

    def batch(self, events, *, gateway=GATEWAY, epoch=EPOCH, lowest=0, now=None, leaf=Leaf.EVENTS):
        payload = encode_batch(Batch(gateway, epoch, 1, events, lowest))
        return Inbound(topic(gateway, leaf), payload, now or max(e.t for e in events))

    def raw(self, payload, *, leaf="ev", gateway=GATEWAY, now=NOON_MS):
        if not isinstance(payload, bytes):
            payload = json.dumps(payload).encode()
        return Inbound(f"mim/v1/{gateway}/{leaf}", payload, now)

    def meta(self, sensors=SENSORS, *, gateway=GATEWAY, now=NOON_MS):
        return Inbound(topic(gateway, Leaf.META), encode_meta(gateway, Meta("agent 1", sensors)), now)

    def state(self, online, boot=1, *, gateway=GATEWAY, now=NOON_MS):
        return Inbound(topic(gateway, Leaf.STATE), encode_state(gateway, GatewayState(online, boot)), now)

    def heartbeat(self, now, *, backlog=0, seen=None, uptime_s=1000, gateway=GATEWAY, **health):
        sensors = {"living": SensorHealth(seen_ms=now if seen is None else seen, **health)}
        beat = Heartbeat(now, ClockQuality.SYNCED, 1, uptime_s, EPOCH, 1, backlog, 0, 500, sensors)
        return Inbound(topic(gateway, Leaf.HEARTBEAT), encode_heartbeat(gateway, beat), now)

    def send(self, *messages):
        """Process as one group; the acks by (gateway, epoch)."""
        acks = {}
        for out in self.pipeline.process(list(messages)):
            ack = decode_ack(out.payload)
            acks[out.topic.split("/")[2], ack.epoch] = ack
        return acks

    # ---- what the stores hold ----

    def rows(self, name):
        with reading(self.engine) as connection:
            return [dict(row) for row in connection.execute(select(schema.metadata.tables[name])).mappings()]

    def row(self, name):
        (row,) = self.rows(name)
        return row

    def said_ms(self, kind):
        """From when the newest statement of this kind counts; None: there is none."""
        return max((row["at_ms"] for row in self.rows("statements") if row["kind"] == kind), default=None)

    def stored(self, gateway=GATEWAY):
        """Numbers in the time series, in the order of time, with repeats if there were any."""
        return [point.n for point in self.timeseries.read(gateway, 0, 2**62)]

    def snapshot(self):
        """Everything that must be equal after a crash and a resend."""
        tables = (
            "cursors",
            "live_states",
            "lapses",
            "rhythms",
            "meters",
            "quarantine",
            "sensors",
            "gateways",
            "statements",
        )
        return {
            name: [
                {k: v for k, v in row.items() if k not in ("updated_ms", "received_ms", "n")} for row in self.rows(name)
            ]
            for name in tables
        } | {"points": sorted(self.stored())}


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A migrated store with nothing in it, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("empty") / "relational.db"
    engine = open_store(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")  # a checkpoint waits for no transaction of its own
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@pytest.fixture
def make_backend(tmp_path, empty_store):
    backends = []

    def make(name="store", **options):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        if not (folder / "relational.db").exists():
            shutil.copy(empty_store, folder / "relational.db")
        backends.append(Backend(folder, **options))
        return backends[-1]

    yield make
    for backend in backends:
        backend.close()


@pytest.fixture
def backend(make_backend):
    made = make_backend()
    made.register()
    return made


@pytest.fixture
def cast():
    """The helpers above, for tests in other files."""

    class Cast:
        gateway, epoch, home = GATEWAY, EPOCH, HOME
        noon, minute, hour, day = NOON_MS, MINUTE_MS, HOUR_MS, DAY_MS
        sensors = SENSORS
        event = staticmethod(event)
        press = staticmethod(press)
        eventful_days = staticmethod(eventful_days)

    return Cast
