"""A small town for the pages: rows are put in directly, so that each state of a home can be shown by itself."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, event, insert, select, update

from alerts.settings import AlertsSettings as AlertSettings
from alerts.wording.links import Links
from contracts.signals import SignalKind
from dashboard.app import create_app
from dashboard.settings import DashboardSettings
from store.engine import open_store
from store.register.registry import edit
from store.schema import (
    audit,
    claims,
    deliveries,
    gateways,
    incidents,
    lapses,
    live_states,
    metadata,
    notes,
    sensors,
    statements,
)
from store.timeseries.port import Point
from store.timeseries.sqlite import SqliteTimeSeries

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NOW = 1_767_225_600_000 + 9 * HOUR + 30 * MINUTE  # 2026-01-01 18:30 in Tokyo
HERE = "http://127.0.0.1:8080"
POLICY = AlertSettings().policy(SignalKind.SILENCE).to_json()


@dataclass
class HandClock:
    """A clock that only the test moves."""

    now: int = NOW

    def wall_ms(self) -> int:
        return self.now

    def monotonic_ms(self) -> int:
        return self.now - NOW


@dataclass
class Town:
    """The store, the clock, and ways to put people into it."""

    db: Engine
    timeseries: SqliteTimeSeries
    clock: HandClock
    links: Links
    folder: Path
    homes: int = 0
    staff: str = ""
    neighbours: list[str] = field(default_factory=list)

    def write(self, *statements: Any) -> None:
        with self.db.begin() as connection:
            for statement in statements:
                connection.execute(statement)

    def count(self, table: str) -> int:
        with self.db.connect() as connection:
            return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())

    def everything(self) -> str:
        """The whole store as text, to see whether anything changed."""
        with self.db.connect() as connection:
            rows = [connection.execute(select(table)).all() for table in metadata.sorted_tables]
        return repr(rows)

    def people_who_watch(self) -> None:
        with edit(self.db, actor="test", now_ms=NOW - 60 * DAY) as registry:
            registry.add_organisation("本山町社会福祉協議会", "council", id="council")
            self.staff = registry.add_person("中村 恵", kana="なかむら めぐみ", id="staff")
            self.neighbours = [
                registry.add_person("田中 一郎", kana="たなか いちろう", id="tanaka"),
                registry.add_person("鈴木 幸子", kana="すずき さちこ", id="suzuki"),
            ]
            for person in (self.staff, *self.neighbours):
                registry.add_contact_method(person, "outbox", person)

    def home(
        self,
        name: str,
        kana: str = "",
        *,
        area: str = "本山 1丁目",
        ready: bool = True,
        proven: int | None = 2 * MINUTE,
        last: int = 20 * MINUTE,
        ask: int | None = 90 * MINUTE,
        call: int | None = 150 * MINUTE,
    ) -> str:
        """A home; times are distances from now: the proof and the last sign back, the deadlines forward."""
        self.homes += 1
        key, gateway = f"home{self.homes}", f"gw{self.homes}"
        with edit(self.db, actor="test", now_ms=NOW - 60 * DAY) as registry:
            person = registry.add_person(name, kana=kana, id=f"person{self.homes}")
            registry.add_home(person, "council", gateway, area=area, id=key)
            registry.add_contact_method(person, "outbox", person)
            registry.relate(person, self.staff, "staff")
            for neighbour in self.neighbours:
                registry.relate(person, neighbour, "neighbour")
        self.write(
            insert(live_states).values(
                home_id=key,
                last_event_ms=NOW - last,
                last_sign_ms=NOW - last,
                ask_at_ms=None if ask is None else NOW + ask,
                call_at_ms=None if call is None else NOW + call,
                ready=ready,
                reason_ja="ふだんこの時間は1時間半ほどで次の動きがあります。",
                reason_en="At this hour the next sign of life usually comes within an hour and a half.",
                updated_ms=NOW - last,
            ),
            insert(gateways).values(
                gateway=gateway,
                online=proven is not None,
                heartbeat_ms=None if proven is None else NOW - proven,
                proven_ms=None if proven is None else NOW - proven,
                agent="mimamori-edge 0.1.0",
            ),
        )
        return key

    def incident(self, home: str, **values: Any) -> str:
        """An open incident: the person was asked ten minutes ago, unless ``values`` say otherwise."""
        number = home.removeprefix("home")
        row = {
            "id": f"case-{home}",
            "dedup_key": f"{home}:silence:{values.get('since_ms', NOW - 4 * HOUR)}",
            "home_id": home,
            "person_id": f"person{number}",
            "organisation_id": "council",
            "kind": "silence",
            "state": "notifying",
            "epoch": 1,
            "step": 0,
            "repeat": 0,
            "policy": POLICY,
            "since_ms": NOW - 4 * HOUR,
            "reason_ja": "14:30 から動きがありません。ふだんこの時間は1時間半ほどで次の動きがあります。",
            "reason_en": "No sign of life since 14:30; at this hour the next one usually comes within 1.5 hours.",
            "opened_ms": NOW - 10 * MINUTE,
            "asked_ms": NOW - 10 * MINUTE,
            "next_due_ms": NOW + 20 * MINUTE,
            "version": 1,
            **values,
        }
        self.write(
            insert(incidents).values(row),
            insert(audit).values(
                at_ms=row["opened_ms"], actor="alerts", incident_id=row["id"], home_id=home, what="opened",
                from_state=None, to_state="notifying", reasons=["noticed"], params={"kind": "silence"},
            ),
        )  # fmt: skip
        return str(row["id"])

    def area(self, name: str, *homes: str, **values: Any) -> str:
        """An open case of a whole area to which the incidents of these homes belong."""
        kind = SignalKind.AREA_OUTAGE
        key = values.pop("id", "area1")
        row = {
            "id": key, "dedup_key": key, "organisation_id": "council", "area": name, "kind": kind,
            "state": "notifying", "epoch": 1, "step": 0, "repeat": 0, "policy": AlertSettings().policy(kind).to_json(),
            "since_ms": NOW - 10 * MINUTE, "reason_ja": f"{name}で多くのお宅の異常が同時に起きています。",
            "reason_en": f"Many homes in {name} are in trouble at once.", "opened_ms": NOW - 10 * MINUTE,
            "council_ms": NOW - 10 * MINUTE, "next_due_ms": NOW + 20 * MINUTE, "version": 1, **values,
        }  # fmt: skip
        mine = incidents.c.home_id.in_(homes)
        self.write(insert(incidents).values(row), update(incidents).where(mine).values(group_id=key))
        return str(key)

    def delivery(self, incident: str, person: str, purpose: str, *, ago: int = 10 * MINUTE, **values: Any) -> str:
        key = values.pop("id", f"{incident}-{person}-{purpose}-{ago}")
        with self.db.begin() as connection:
            method = connection.exec_driver_sql(
                "SELECT id FROM contact_methods WHERE person_id = ?", (person,)
            ).scalar_one()
            connection.execute(
                insert(deliveries).values(
                    {
                        "id": key, "incident_id": incident, "epoch": 1, "step": 0, "repeat": 0, "person_id": person,
                        "contact_method_id": method, "channel": "outbox", "purpose": purpose, "subject": "s",
                        "body": "b", "state": "accepted", "due_ms": NOW - ago, "expires_ms": NOW + HOUR,
                        "created_ms": NOW - ago, "settled_ms": NOW - ago, **values,
                    }
                )
            )  # fmt: skip
        return str(key)

    def token(self, delivery: str, created_ms: int = NOW - 10 * MINUTE) -> str:
        return self.links.sign(delivery, created_ms)

    def going(self, incident: str, person: str, eta: int = 12 * MINUTE) -> None:
        self.write(
            insert(claims).values(
                id=f"claim-{incident}-{person}", incident_id=incident, person_id=person, claimed_ms=NOW - 3 * MINUTE,
                eta_ms=NOW + eta, expires_ms=NOW + eta + 10 * MINUTE,
            ),
            update(incidents)
            .where(incidents.c.id == incident)
            .values(state="claimed", next_due_ms=NOW + eta + 10 * MINUTE),
        )  # fmt: skip

    def answer(self, incident: str, person: str, kind: str) -> None:
        self.write(
            insert(statements).values(
                key=f"{incident}-{person}-{kind}", incident_id=incident, said_by=person, kind=kind, channel="page",
                epoch=1, at_ms=NOW - MINUTE, said_ms=NOW - MINUTE, received_ms=NOW - MINUTE,
            )
        )  # fmt: skip

    def presses_ok(self, home: str, at_ms: int) -> None:
        self.write(
            insert(statements).values(
                key=f"{home}-{at_ms}", home_id=home, kind="ok", channel="button", at_ms=at_ms, said_ms=at_ms,
                received_ms=at_ms,
            )
        )  # fmt: skip

    def lapse(self, home: str, days_ago: int, kind: str = "ask", *, backfilled: bool = False) -> None:
        due = NOW - days_ago * DAY
        self.write(
            insert(lapses).values(
                home_id=home, kind=kind, since_ms=due - 2 * HOUR, due_ms=due, ended_ms=due + 20 * MINUTE,
                reason_ja="ふだんより静かな時間が2時間続きました。", reason_en="It was quiet for 2 hours.",
                backfilled=backfilled,
            )
        )  # fmt: skip

    def note(self, home: str, days_ago: int, kind: str = "decline") -> None:
        at = NOW - days_ago * DAY
        self.write(
            insert(notes).values(
                home_id=home, kind=kind, since_ms=at - 9 * HOUR, at_ms=at, held_ms=at, score=1.3,
                reason_ja="生活は続いていますが、動きはいつもの20%です。",
                reason_en="Life goes on, with 20% of the usual movement.", evidence={"seen": 8, "usual": 40},
            )
        )  # fmt: skip

    def sensor(self, home: str, sensor: str, **values: Any) -> None:
        gateway = home.replace("home", "gw")
        self.write(
            insert(sensors).values({"gateway": gateway, "sensor": sensor, "seen_ms": NOW - 5 * MINUTE, **values})
        )

    def signs(self, home: str, *at_ms: int) -> None:
        """Movements at these moments."""
        gateway = home.replace("home", "gw")
        fields = json.dumps({"motion": True}, separators=(",", ":"))
        self.timeseries.write(
            [
                Point(gateway, ms * 10**6 + n % 10**6, "living.motion", "motion", fields, "e1", n, 2, False)
                for n, ms in enumerate(at_ms, start=1)
            ]
        )


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store without rows; copying it is quicker than migrating again for every test."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    db = open_store(f"sqlite:///{path}")
    db.dispose()  # the last connection to close folds the log into the file
    return path


@pytest.fixture(scope="session")
def db_of_session(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """One for all tests, so that SQLAlchemy compiles each statement once; it connects when it is first used."""
    db = open_store(f"sqlite:///{tmp_path_factory.mktemp('town')}/town.db", migrate=False)
    event.listen(db, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))  # no power cut here
    return db


@pytest.fixture
def town(tmp_path: Path, db_of_session: Engine, empty_store: Path) -> Iterator[Town]:
    db, path = db_of_session, Path(str(db_of_session.url.database))
    for former in path.parent.iterdir():
        former.unlink()
    shutil.copy(empty_store, path)
    timeseries = SqliteTimeSeries(tmp_path / "events.db")
    (tmp_path / "outbox").mkdir()
    made = Town(db, timeseries, HandClock(), Links("a secret that is long enough", HERE), tmp_path / "outbox")
    made.people_who_watch()
    yield made
    timeseries.close()
    db.dispose()


@pytest.fixture
def open_page(town: Town) -> Callable[..., TestClient]:
    """A browser of the town's pages; settings as named."""

    def browser(engine_tick_ms: Callable[[], int | None] | None = None, **settings: Any) -> TestClient:
        shown = DashboardSettings(**settings)
        app = create_app(town.db, town.timeseries, town.links, town.clock, shown, engine_tick_ms=engine_tick_ms)
        return TestClient(app, base_url=HERE, follow_redirects=False)

    return browser


@pytest.fixture
def browser(open_page: Callable[..., TestClient]) -> TestClient:
    return open_page()


@pytest.fixture
def times() -> SimpleNamespace:
    return SimpleNamespace(minute=MINUTE, hour=HOUR, day=DAY, now=NOW, here=HERE)
