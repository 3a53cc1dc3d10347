"""A simulated partial decline, through the real pipeline, store, noticing, engine and sender, up to the phones."""

import datetime as dt

import pytest
from sqlalchemy import select

from alerts.channels.outbox.channel import OutboxChannel, read_outbox
from alerts.delivery.sender import Sender
from alerts.incidents import answers
from alerts.incidents.engine import Engine
from alerts.incidents.response_log import StatementSource
from alerts.settings import AlertsSettings
from alerts.wording.links import Links
from contracts.clock import ClockQuality
from contracts.envelope import Batch, encode_batch
from contracts.events import Event
from contracts.health import Heartbeat, Meta, SensorHealth, encode_heartbeat, encode_meta
from contracts.topics import Leaf, topic
from ingest.core import Core
from ingest.intake.ports import Inbound
from ingest.nightly import Nightly
from ingest.noticing import NoteMaker
from ingest.pipeline import Pipeline
from ingest.settings import IngestSettings
from simulators.town.neighbourhood import draw_neighbourhood, register
from simulators.town.scenario import DeclinePlot, household_of
from store.engine import open_store, reading
from store.schema import deliveries, incidents, notes
from store.timeseries.sqlite import SqliteTimeSeries

SEED, PAST_DAYS = 11, 24
MINUTE, HOUR = 60_000, 3_600_000
FIRST_DAY = dt.date(2026, 1, 1)
FALLEN_MS = 1_767_193_200_000 + PAST_DAYS * 24 * HOUR + 9 * HOUR  # 09:00 in Tokyo, PAST_DAYS after the first day


class Town:
    """One simulated person who lives as ever until they fall ill, and the backend's parts around one store."""

    def __init__(self, folder):
        self.folder = folder / "phones"
        self.folder.mkdir()
        self.town = draw_neighbourhood(SEED, 1)
        (self.home,) = self.town.homes
        self.household = household_of(self.home, SEED, [DeclinePlot(FALLEN_MS, 0.2)])
        self.db = open_store(f"sqlite:///{folder}/m.db")
        self.timeseries = SqliteTimeSeries(folder / "events.db")
        register(self.town, self.db, from_ms=FALLEN_MS - 40 * 24 * HOUR)
        core = Core(self.db, self.timeseries, IngestSettings())
        self.pipeline, self.nightly, self.noting = Pipeline(core), Nightly(core), NoteMaker(core)
        self.links = Links("a secret of the tests only", "http://127.0.0.1:1")
        self.engine = Engine(self.db, AlertsSettings())
        self.sender = Sender(self.db, {"outbox": OutboxChannel(self.folder)}, "test", self.links)
        self.events = self.all_events()
        self.sent = 0

    def all_events(self):
        days = [FIRST_DAY + dt.timedelta(n) for n in range(PAST_DAYS + 3)]
        found = sorted((r for day in days for r in self.household.readings(day)), key=lambda r: r.wall_ms)
        return [
            Event(n, r.wall_ms, ClockQuality.SYNCED, r.wall_ms % 10**9, r.sensor, r.kind, dict(r.fields), False)
            for n, r in enumerate(found, 1)
        ]

    def live_until(self, now_ms):
        """Everything up to ``now_ms`` arrives, and a heartbeat that vouches for it."""
        gateway, due = self.home.gateway, []
        while self.sent < len(self.events) and self.events[self.sent].t <= now_ms:
            due.append(self.events[self.sent])
            self.sent += 1
        batches = [encode_batch(Batch(gateway, "e", 1, due[i : i + 200], 0)) for i in range(0, len(due), 200)]
        sensors = {sensor.id: SensorHealth(seen_ms=now_ms) for sensor in self.household.sensors}
        beat = encode_heartbeat(
            gateway, Heartbeat(now_ms, ClockQuality.SYNCED, 1, 1000, "e", self.sent, 0, 0, 500, sensors)
        )
        meta = encode_meta(gateway, Meta("test", self.household.sensors))
        messages = [Inbound(topic(gateway, Leaf.META), meta, now_ms)]
        messages += [Inbound(topic(gateway, Leaf.EVENTS), batch, now_ms) for batch in batches]
        self.pipeline.process([*messages, Inbound(topic(gateway, Leaf.HEARTBEAT), beat, now_ms)])

    def tick(self, now_ms):
        self.live_until(now_ms)
        self.nightly.tick(now_ms)
        self.noting.tick(now_ms)
        self.engine.tick(now_ms)
        self.sender.run_due(now_ms)

    def rows(self, table, kind):
        with reading(self.db) as connection:
            return connection.execute(select(table).where(table.c.kind == kind)).all()

    def messages(self, case):
        """What the phones show of a case, oldest first; news left out."""
        with reading(self.db) as connection:
            of_case = select(deliveries.c.id).where(deliveries.c.incident_id == case.id)
            ids = set(connection.execute(of_case).scalars())
        return [item for item in read_outbox(self.folder) if item.delivery_id in ids and item.purpose != "news"]

    def told(self, case):
        return [(item.purpose, item.person_id) for item in self.messages(case)]


@pytest.fixture
def town(tmp_path):
    made = Town(tmp_path)
    yield made
    made.timeseries.close()
    made.db.dispose()


def test_who_hardly_moves_any_more_is_asked_and_then_rung_up_by_staff(town):
    town.live_until(FALLEN_MS - HOUR)
    town.nightly.learn_all(FALLEN_MS - HOUR)
    now, case = FALLEN_MS - HOUR, None
    while case is None and now < FALLEN_MS + 24 * HOUR:
        now += 10 * MINUTE
        town.tick(now)
        case = next(iter(town.rows(incidents, "decline")), None)
    assert case is not None, "not noticed within a day"
    (note,) = town.rows(notes, "decline")
    assert (case.reason_ja, case.reason_en, case.since_ms) == (note.reason_ja, note.reason_en, note.at_ms)
    assert case.opened_ms > FALLEN_MS
    assert town.told(case) == [("ask", town.home.person.id)]

    moved_ms = next(event.t for event in town.events if event.t > now)
    while now < case.opened_ms + 40 * MINUTE:
        now += 10 * MINUTE
        town.tick(now)
    assert moved_ms < now, "they moved in between, and that is no answer"
    staff = [("staff", member.id) for member in town.town.staff]
    assert sorted(town.told(case)[1:]) == sorted(staff)
    (case,) = town.rows(incidents, "decline")
    assert (case.council_ms - case.asked_ms, case.called_ms, case.outcome) == (30 * MINUTE, None, None)
    assert all("%" not in item.body for item in read_outbox(town.folder)), "no sensor data in a message"

    called = town.messages(case)[-1]
    source = StatementSource(now + MINUTE, "page")
    answers.answer(town.db, town.links, called.link.rsplit("/", 1)[1], "safe", source)
    (case,) = town.rows(incidents, "decline")
    assert (case.state, case.outcome, case.outcome_by) == ("resolved", "safe", called.person_id)
