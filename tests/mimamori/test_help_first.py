"""A press becomes an incident within seconds, whatever the time series, other messages and a restored copy do.

On the real server, a real mosquitto and a real InfluxDB.
"""

import os
import shutil
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from contracts.clock import ClockQuality
from contracts.envelope import Batch, encode_batch
from contracts.events import Event, Kind
from contracts.topics import Leaf, topic
from mimamori.server.broker import Broker, find_mosquitto
from simulators.vendors.influx_server import InfluxServer, missing_parts
from store.engine import open_store
from store.register.registry import edit

pytestmark = pytest.mark.system
WITHIN_S = 5.0
GATEWAY, EPOCH = "gw-0001", "epoch-1"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Site:
    """A server in a folder, its broker and its InfluxDB."""

    folder: Path
    broker: Broker
    influx: InfluxServer
    mimamori: Any
    wait_for: Any
    n: int = 0

    def settle(self) -> None:
        (self.folder / "token").write_text(self.influx.token)
        address = self.influx.url.removeprefix("http://")
        (self.folder / "mimamori.toml").write_text(
            f"""
            [server]
            roles = ["ingest", "alerts"]
            [store]
            url = "sqlite:///mimamori.db"
            timeseries = "influx+http://{address}/mimamori?org=council"
            token_file = "token"
            [broker]
            url = "mqtt://127.0.0.1:{self.broker.port}"
            """
        )
        db = open_store(f"sqlite:///{self.folder}/mimamori.db")
        with edit(db, actor="test", now_ms=now_ms()) as registry:
            registry.add_organisation("社協", "council", id="council")
            for number in ("1", "2"):
                registry.add_person("見本 花子", id=f"p-{number}")
                registry.add_home(f"p-{number}", "council", f"gw-000{number}", id=f"h-{number}")
            registry.add_person("伊藤 四季", id="shiki")
            registry.add_contact_method("shiki", "console", "desk")
            registry.relate("p-1", "shiki", "staff")
        db.dispose()

    def serve(self) -> Any:
        server = self.mimamori("--log-level", "info", "serve", "--config", "mimamori.toml")
        self.wait_for(lambda: "subscribed at" in server.output, 60, "that the server listens")
        return server

    def stop(self, server: Any) -> None:
        server.process.terminate()
        assert server.wait(30) == 0, server.output

    def publish(self, *messages: tuple[str, bytes]) -> None:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.connect("127.0.0.1", self.broker.port)
        client.loop_start()
        for name, payload in messages:
            client.publish(name, payload, qos=1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    def event(self, kind: str, fields: dict[str, Any], gateway: str = GATEWAY) -> tuple[str, bytes]:
        self.n += 1
        made = Event(self.n, now_ms(), ClockQuality.SYNCED, 0, kind, kind, fields)
        leaf = Leaf.PRIORITY if kind == Kind.BUTTON else Leaf.EVENTS
        return topic(gateway, leaf), encode_batch(Batch(gateway, EPOCH, 1, [made]))

    def press(self) -> tuple[str, bytes]:
        return self.event(Kind.BUTTON, {"press": "help"})

    def incidents(self) -> list[str]:
        with sqlite3.connect(self.folder / "mimamori.db", timeout=30) as db:
            found = db.execute("SELECT home_id FROM incidents WHERE kind = 'help' AND closed_ms IS NULL").fetchall()
        return [home for (home,) in found]


@pytest.fixture
def site(tmp_path, mimamori, wait_for):
    missing = [*missing_parts(), *(["mosquitto"] if find_mosquitto() is None else [])]
    if missing:
        reason = f"apt-get install {' '.join(missing)}"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    (tmp_path / "broker").mkdir()
    with Broker(tmp_path / "broker", prefer="mosquitto") as broker, InfluxServer(tmp_path / "influx") as influx:
        influx.create_database("mimamori")
        made = Site(tmp_path, broker, influx, mimamori, wait_for)
        made.settle()
        yield made


def test_a_press_opens_its_incident_while_influxdb_is_stopped(site):
    site.serve()
    site.influx.stop_influxd()
    site.publish(site.event(Kind.MOTION, {"motion": True}))
    time.sleep(2)  # the group of this event is under way, and is tried again and again
    site.publish(site.press())
    site.wait_for(lambda: site.incidents() == ["h-1"], WITHIN_S, "that the press opens its incident")
    site.influx.start_influxd()
    stored = '"motion"'
    site.wait_for(
        lambda: stored in site.influx.execute('SELECT * FROM "mimamori".."event"').decode(), 60, "that all is stored"
    )
    assert site.incidents() == ["h-1"], "once"


def test_a_press_opens_its_incident_beside_messages_that_cannot_be_processed(site):
    """One home has a time zone that nobody knows: as long as it is registered, no group can be processed whole."""
    with sqlite3.connect(site.folder / "mimamori.db") as db:
        db.execute("UPDATE homes SET zone = 'Mars/Olympus' WHERE id = 'h-2'")
    site.serve()
    sick = site.event(Kind.MOTION, {"motion": True}, "gw-0002")
    site.publish((sick[0], b"{"), sick, site.press(), sick)
    site.wait_for(lambda: site.incidents() == ["h-1"], WITHIN_S, "that the press opens its incident")


def test_a_press_opens_its_incident_when_the_database_is_put_back_from_a_copy_made_before_it(site):
    server = site.serve()
    site.publish(site.event(Kind.MOTION, {"motion": True}))
    stored = "SELECT count(*) FROM cursors WHERE upto >= ?"

    def is_stored(n: int) -> bool:
        with sqlite3.connect(site.folder / "mimamori.db", timeout=30) as db:
            return bool(db.execute(stored, (n,)).fetchone()[0])

    site.wait_for(lambda: is_stored(1), 30, "that the movement is stored")
    site.stop(server)
    shutil.copy(site.folder / "mimamori.db", site.folder / "copy.db")
    server = site.serve()
    site.publish(site.press())
    site.wait_for(lambda: site.incidents() == ["h-1"] and is_stored(2), 30, "that the press is stored")
    site.stop(server)
    for old in site.folder.glob("mimamori.db*"):
        old.unlink()
    shutil.copy(site.folder / "copy.db", site.folder / "mimamori.db")
    assert site.incidents() == []
    site.serve()
    site.wait_for(lambda: site.incidents() == ["h-1"], WITHIN_S, "that the press is read again")
