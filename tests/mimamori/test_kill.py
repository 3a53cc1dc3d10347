"""The promise of the whole product: kill -9 anything at any time, and no event is lost and none is stored twice."""

import gzip
import json
import os
import random
import signal
import time
from collections import Counter
from contextlib import closing
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.sources.replay import KINDS, check_recording, read_recording
from mimamori.commands.replay import SERVER_TABLES, register, stored_so_far
from mimamori.server.one_machine import OneMachine
from store.engine import open_store
from store.timeseries import open_timeseries

ZONE = "Asia/Tokyo"
RECORDED = Path(__file__).resolve().parents[2].parent / "shared" / "detection" / "homes" / "hh101.csv.gz"
PATIENCE_S = 240
ROWS = 30_000
"""A third of the recording: some 1,000 events between two kills, many batches; `test_replay` runs all of it."""


@pytest.fixture
def recording(tmp_path):
    """The begin of the recorded home where it is at hand; else as many rows of a made-up one."""
    path = tmp_path / "recording.csv.gz"
    return begin_of(RECORDED, path, ROWS) if RECORDED.exists() else made_up_recording(path, ROWS)


def begin_of(recorded, path, rows):
    with gzip.open(recorded, "rt") as whole, gzip.open(path, "wt") as begin:
        begin.writelines(islice(whole, 1 + rows))  # and the header
    return path


def made_up_recording(path, rows):
    rng = random.Random(7)
    at = datetime(2025, 1, 1)  # noqa: DTZ001 - a recording has the wall clock's time, without a zone
    with gzip.open(path, "wt") as file:
        file.write("ts_iso_local,sensor,kind,value\n")
        for number in range(rows):
            at += timedelta(seconds=rng.randrange(0, 300))
            sensor, kind = rng.choice([("Kitchen", "motion"), ("Toilet", "motion"), ("Entrance", "door")])
            file.write(f"{at.isoformat()},{sensor},{kind},{number % 2}\n")
    return path


@pytest.mark.timeout(PATIENCE_S + 60)
@pytest.mark.parametrize(
    ("broker_kind", "kills"), [pytest.param("mosquitto", 24, marks=pytest.mark.system), ("iotcore", 3)]
)
def test_killing_agent_broker_and_server_at_random_loses_nothing_and_doubles_nothing(
    tmp_path, recording, broker_kind, kills
):
    rows = check_recording(recording).rows
    rng = random.Random(20261121)
    with OneMachine(tmp_path, SERVER_TABLES, broker_kind=broker_kind) as machine:
        db = open_store(machine.store_url)
        register(db, ["home-1"], ZONE)
        machine.broker.start()
        machine.start_server()
        machine.start_replay_agent("home-1", recording, ZONE)
        killed = Counter()
        marks = sorted(rng.sample(range(rows // 100, rows * 9 // 10), kills))
        for mark, victim in zip(marks, victims(rng, kills), strict=True):
            wait_until_stored(machine, db, mark)
            kill_and_restart(machine, victim, recording)
            killed[victim] += 1
        wait_for_the_agent(machine)
        db.dispose()
        with closing(open_timeseries(machine.timeseries_url)) as timeseries:
            points = list(timeseries.read("home-1", 0, 2**63 - 1))
    assert killed == dict.fromkeys(("agent", "broker", "server"), kills // 3)
    assert len({(point.epoch, point.n) for point in points}) == len(points), "an event is stored twice"
    assert Counter(map(as_row, points)) == Counter(expected_rows(recording)), "what is stored is not what was recorded"
    assert len(points) == rows


def victims(rng, kills):
    """Each part as often as the others, in random order."""
    order = ["agent", "broker", "server"] * (kills // 3)
    rng.shuffle(order)
    return order


def wait_until_stored(machine, db, mark):
    deadline = time.monotonic() + PATIENCE_S
    while stored_so_far(db, "home-1") < mark:
        agent = machine.agents["home-1"]
        assert agent.poll() is None, "the agent ended early: " + machine.last_words("home-1.log")
        assert machine.server.poll() is None, "the server ended: " + machine.last_words("server.log")
        assert time.monotonic() < deadline, "nothing moves: " + machine.last_words("server.log", 20)
        time.sleep(0.01)


def kill_and_restart(machine, victim, recording):
    match victim:
        case "agent":
            machine.agents["home-1"].kill()
            machine.agents["home-1"].wait()
            machine.start_replay_agent("home-1", recording, ZONE)
        case "broker":
            os.kill(machine.broker.child.pid, signal.SIGKILL)
            machine.broker.restart()
        case "server":
            machine.server.kill()
            machine.server.wait()
            machine.start_server()


def wait_for_the_agent(machine):
    assert machine.agents["home-1"].wait(PATIENCE_S) == 0, machine.last_words("home-1.log")


def as_row(point):
    (value,) = json.loads(point.fields).values()
    return point.t_ms, point.sensor, point.kind, int(value)


def expected_rows(recording):
    zone = ZoneInfo(ZONE)
    for row in read_recording(recording):
        at_ms = round(row.local.replace(tzinfo=zone).timestamp() * 1000)
        yield at_ms, row.sensor, str(KINDS[row.kind].kind), int(row.value != 0)
