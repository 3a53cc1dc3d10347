"""The same people in every test: 花 lives alone; 一郎, 次郎 and 三郎 live nearby; 四季 works at the council."""

import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import insert, select, update

from alerts.channels.outbox.channel import OutboxChannel, Shown, read_outbox
from alerts.delivery.sender import Sender
from alerts.incidents import answers
from alerts.incidents.answers import Recorded
from alerts.incidents.engine import Engine
from alerts.incidents.response_log import StatementSource
from alerts.ports import Channel, OutgoingMessage, SendOutcome, SendResult
from alerts.settings import AlertsSettings
from alerts.wording.links import Links
from contracts.statements import BUTTON, StatementKind, said_now
from store.engine import open_store, reading
from store.register.registry import edit
from store.schema import deliveries, gateways, homes, incidents, live_states, metadata, notes, statements

START_MS = 1_767_225_600_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


_REFUSING = {
    "sqlite": (
        [
            "CREATE TRIGGER refused BEFORE {verb} ON {table} WHEN {when} "
            "BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"
        ],
        ["DROP TRIGGER refused"],
    ),
    "postgresql": (
        [
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'refused by the test'; END $$",
            "CREATE TRIGGER refused BEFORE {verb} ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse()",
        ],
        ["DROP TRIGGER refused ON {table}", "DROP FUNCTION refuse()"],
    ),
}
"""What makes a database refuse to write some rows, and what ends that."""


class FlakyChannel:
    """The outbox, with faults chosen by the test: address -> outcomes of the next tries; then it works."""

    name = "outbox"

    def __init__(self, folder: Path) -> None:
        self.inner = OutboxChannel(folder)
        self.faults: dict[str, list[SendOutcome]] = {}
        self.accepted: list[tuple[str, str]] = []  # (delivery id, person), one an acceptance

    def send(self, message: OutgoingMessage) -> SendResult:
        waiting = self.faults.get(message.address, [])
        outcome = waiting.pop(0) if waiting else SendOutcome.OK
        if outcome is SendOutcome.OK or outcome is SendOutcome.AMBIGUOUS:  # ambiguous: it came, but nobody was told
            self.accepted.append((message.delivery_id, message.person_id))
            self.inner.send(message)
        return SendResult(outcome)


class Village:
    """One database with the cast, an engine and a sender on it, and short words for what happens."""

    def __init__(self, db: sqlalchemy.Engine, folder: Path, settings: AlertsSettings) -> None:
        self.db = db
        self.folder = folder
        self.settings = settings
        self.links = Links("a secret of the tests only", "http://127.0.0.1:1")
        self.channel = FlakyChannel(folder)
        self.engine = Engine(db, settings)
        self.sender = self.new_sender("worker-1")

    def new_sender(self, owner: str, channels: Mapping[str, Channel] | None = None) -> Sender:
        return Sender(self.db, channels or {"outbox": self.channel}, owner, self.links, self.settings)

    # ---- what the homes do ----

    def lives(self, at_ms: int, ask_ms: int = 2 * HOUR_MS, call_ms: int = 3 * HOUR_MS, home: str = "home-hana") -> None:
        """A sign of life at ``at_ms``; the deadlines follow from it."""
        values = {
            "last_event_ms": at_ms,
            "last_sign_ms": at_ms,
            "ask_at_ms": at_ms + ask_ms,
            "call_at_ms": at_ms + call_ms,
        }
        self.put_live(home, values, at_ms)

    def is_noticed(self, kind: str, at_ms: int, held_ms: int | None = None, home: str = "home-hana") -> None:
        """Ingest notes something at ``at_ms``, which held until ``held_ms``; None: at that moment alone."""
        key = {"home_id": home, "kind": kind, "since_ms": at_ms - 5 * HOUR_MS}
        words = {"reason_ja": "いつもの20%です。", "reason_en": "20% of the usual.", "evidence": {}}
        with self.db.begin() as connection:
            connection.execute(insert(notes).values(at_ms=at_ms, held_ms=held_ms or at_ms, score=1.2, **key, **words))

    def still_holds(self, held_ms: int) -> None:
        """Ingest sees that what was noted holds on."""
        with self.db.begin() as connection:
            connection.execute(update(notes).values(held_ms=held_ms))

    def presses(self, what: str, at_ms: int, home: str = "home-hana") -> None:
        """A press that counts from ``at_ms``; the home lives on."""
        self.put_live(home, {}, at_ms)
        with self.db.begin() as connection:
            person = connection.execute(select(homes.c.person_id).where(homes.c.id == home)).scalar_one()
            pressed = said_now(StatementKind(what), BUTTON, uuid.uuid4().hex, at_ms)
            connection.execute(insert(statements), asdict(replace(pressed, home_id=home, person_id=person)))

    def put_live(self, home: str, values: Mapping[str, Any], at_ms: int) -> None:
        with self.db.begin() as connection:
            changed = update(live_states).where(live_states.c.home_id == home).values(updated_ms=at_ms, **values)
            if not connection.execute(changed).rowcount:
                connection.execute(insert(live_states).values(home_id=home, updated_ms=at_ms, **values))

    def beats(self, at_ms: int, gateway: str = "gw-hana", *, proven: bool = True) -> None:
        values = {"heartbeat_ms": at_ms} | ({"proven_ms": at_ms} if proven else {})
        with self.db.begin() as connection:
            changed = update(gateways).where(gateways.c.gateway == gateway).values(values)
            if not connection.execute(changed).rowcount:
                connection.execute(insert(gateways).values(gateway=gateway, **values))

    # ---- what the backend does ----

    @contextmanager
    def refusing(self, verb: str, table: str, when: str) -> Iterator[None]:
        """Meanwhile the database itself refuses to write some rows, as a damaged index would."""
        begin, end = _REFUSING[self.db.dialect.name]
        self._execute(statement.format(verb=verb, table=table, when=when) for statement in begin)
        yield
        self._execute(statement.format(table=table) for statement in end)

    def _execute(self, statements: Iterable[str]) -> None:
        with self.db.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def at(self, now_ms: int, *, beat: bool = True) -> None:
        """The backend works at this moment, as its loop would."""
        if beat:
            self.beats(now_ms)
        self.engine.tick(now_ms)
        self.sender.run_due(now_ms)

    # ---- what people do ----

    def answers(self, person: str, kind: str, now_ms: int, **more: Any) -> Recorded:
        """By the link of the newest message that this person's phone shows."""
        newest = self.phone(person)[-1]
        return self.answers_message(newest, kind, now_ms, **more)

    def answers_message(
        self, message: Shown, kind: str, now_ms: int, *, eta_s: int | None = None, **more: Any
    ) -> Recorded:
        assert message.link is not None
        token = message.link.rsplit("/", 1)[1]
        source = StatementSource(now_ms, "page", **more)
        return answers.answer(self.db, self.links, token, kind, source, eta_s)

    # ---- what can be seen ----

    def phone(self, person: str) -> list[Shown]:
        return [item for item in read_outbox(self.folder) if item.person_id == person]

    def told(self, purpose: str) -> list[str]:
        """Who has been sent messages of this purpose, in order."""
        return [item.person_id for item in read_outbox(self.folder) if item.purpose == purpose]

    def case(self) -> Any:
        """The one incident there is."""
        return self.rows(incidents)[0]

    def rows(self, table: sqlalchemy.Table) -> list[Any]:
        with reading(self.db) as connection:
            return list(connection.execute(_in_order(table)).all())

    def messages(self, person: str) -> list[Any]:
        return sorted(
            (row for row in self.rows(deliveries) if row.person_id == person), key=lambda row: (row.created_ms, row.id)
        )


@cache
def _in_order(table: sqlalchemy.Table) -> sqlalchemy.Select[Any]:
    return select(table).order_by(*table.primary_key.columns)


def settle_cast(db: sqlalchemy.Engine, neighbours: int = 3, staff: int = 1) -> None:
    with edit(db, actor="test", now_ms=START_MS - 30 * 24 * HOUR_MS) as registry:
        registry.add_organisation("あおば市社会福祉協議会", "council", id="council")
        registry.add_person("佐藤 花", id="hana")
        registry.add_contact_method("hana", "outbox", "phone-hana", id="m-hana")
        registry.add_home("hana", "council", "gw-hana", area="本町", id="home-hana")
        for who, name in (("ichiro", "鈴木 一郎"), ("jiro", "高橋 次郎"), ("saburo", "田中 三郎"))[:neighbours]:
            registry.add_person(name, id=who)
            registry.add_contact_method(who, "outbox", f"phone-{who}", id=f"m-{who}")
            registry.relate("hana", who, "neighbour", "見守り", id=f"r-{who}")
        for who, name in (("shiki", "伊藤 四季"), ("goro", "渡辺 五郎"))[:staff]:
            registry.add_person(name, id=who)
            registry.add_contact_method(who, "outbox", f"phone-{who}", id=f"m-{who}")
            registry.relate("hana", who, "staff", "見守り", id=f"r-{who}")


def _no_power_cut_here(connection: Any, _entry: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def open_quickly(path: Path) -> sqlalchemy.Engine:
    """The real store, without waiting for the disk: a killed process loses nothing by that, only a power cut would."""
    db = open_store(f"sqlite:///{path}", migrate=False)
    sqlalchemy.event.listen(db, "connect", _no_power_cut_here)
    return db


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the schema, to be copied: the migrations run once."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    open_store(f"sqlite:///{path}").dispose()
    return path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test marked ``on_both_stores`` runs on SQLite and on PostgreSQL."""
    if metafunc.definition.get_closest_marker("on_both_stores"):
        metafunc.parametrize("store_kind", BOTH_STORES)


BOTH_STORES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.system)]


@pytest.fixture
def store_kind() -> str:
    """``make soak`` runs all tests of this folder on the other one as well."""
    return os.environ.get("MIMAMORI_ALERT_STORE", "sqlite")


_TABLES = [table.name for table in metadata.sorted_tables]


class StorePool:
    """Stores in PostgreSQL that tests use one after the other: to empty one is cheaper than to make one."""

    def __init__(self, new_database: Callable[[], str]) -> None:
        self._new_database = new_database
        self._free: list[sqlalchemy.Engine] = []

    def take(self) -> sqlalchemy.Engine:
        return self._free.pop() if self._free else open_store(self._new_database(), migrate=False)

    def give_back(self, db: sqlalchemy.Engine) -> None:
        db.dispose()
        with db.begin() as connection:
            connection.exec_driver_sql(";".join(f"DELETE FROM {name}" for name in reversed(_TABLES)))
        db.dispose()
        self._free.append(db)


class StoreFiles:
    """SQLite stores that tests use one after the other: a new one would compile every statement again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self._free: list[sqlalchemy.Engine] = []

    def take(self, like: Path) -> sqlalchemy.Engine:
        if not self._free:
            self._made += 1
            self._free.append(open_quickly(self._folder / f"village-{self._made}.db"))
        db = self._free.pop()
        path = Path(str(db.url.database))
        for old in path.parent.glob(f"{path.name}*"):  # and the log beside it
            old.unlink()
        shutil.copy(like, path)
        return db

    def give_back(self, db: sqlalchemy.Engine) -> None:
        db.dispose()
        self._free.append(db)


@pytest.fixture(scope="session")
def store_files(tmp_path_factory: pytest.TempPathFactory) -> StoreFiles:
    return StoreFiles(tmp_path_factory.mktemp("villages"))


@pytest.fixture(scope="session")
def store_pool(new_database_of_session: Callable[[], str]) -> StorePool:
    return StorePool(new_database_of_session)


@pytest.fixture
def new_store(
    store_kind: str, store_files: StoreFiles, empty_store: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., sqlalchemy.Engine]]:
    """Makes stores of the kind that the test asks for: empty, or with the rows of the SQLite file that is named."""
    opened: list[sqlalchemy.Engine] = []
    pool = request.getfixturevalue("store_pool") if store_kind == "postgresql" else None

    def made(like: Path = empty_store) -> sqlalchemy.Engine:
        for db in opened:
            db.dispose()  # the server has connections for a few at once; who goes on opens a new one
        if pool:
            opened.append(pool.take())
            if like != empty_store:
                _copy_rows(like, opened[-1])
        else:
            opened.append(store_files.take(like))
        return opened[-1]

    yield made
    for db in opened:
        (pool or store_files).give_back(db)


def _copy_rows(path: Path, target: sqlalchemy.Engine) -> None:
    source = open_quickly(path)
    with reading(source) as old, target.begin() as new:
        for table in metadata.sorted_tables:
            own = table.autoincrement_column  # numbered by the target, which would else give these numbers again
            rows = old.execute(select(*(column for column in table.columns if column is not own))).mappings().all()
            if rows:
                new.execute(insert(table), [dict(row) for row in rows])
    source.dispose()


@pytest.fixture(scope="session")
def settled_store(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Callable[[int, int], Path]:
    """Database files with the cast, to be copied: so many neighbours and so many staff settle once."""

    @cache
    def settled(neighbours: int, staff: int) -> Path:
        path = tmp_path_factory.mktemp("settled") / "settled.db"
        shutil.copy(empty_store, path)
        db = open_quickly(path)
        settle_cast(db, neighbours, staff)
        db.dispose()
        return path

    return settled


@pytest.fixture
def found_village(
    tmp_path: Path, new_store: Callable[..., sqlalchemy.Engine], settled_store: Callable[[int, int], Path]
) -> Callable[..., Village]:
    """Makes a village; ``neighbours`` and ``staff`` say how many there are."""
    count = 0

    def found(neighbours: int = 3, staff: int = 1, settings: AlertsSettings | None = None) -> Village:
        nonlocal count
        count += 1
        folder = tmp_path / f"outbox-{count}"
        folder.mkdir()
        return Village(new_store(like=settled_store(neighbours, staff)), folder, settings or AlertsSettings())

    return found


@pytest.fixture
def village(found_village: Callable[..., Village]) -> Village:
    """花, three neighbours, one of the staff; the last sign of life at `start`."""
    made = found_village()
    made.lives(START_MS)
    made.beats(START_MS)
    made.engine.tick(START_MS)
    return made


def waiting_for_locks(db: sqlalchemy.Engine) -> int:
    """How many transactions wait for another one to end; on SQLite, which does not say, 0."""
    if db.dialect.name != "postgresql":
        return 0
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with db.connect() as connection:
        return int(connection.exec_driver_sql(waiting).scalar_one())


@pytest.fixture
def all_wait() -> Callable[..., None]:
    """Returns when each of these is over or waits for a lock: nothing happens any more until that is given back."""

    def until(db: sqlalchemy.Engine, under_way: Collection[Future[Any]]) -> None:
        if (
            db.dialect.name != "postgresql"
        ):  # nothing shows who waits for its one lock: were it too short, less is shown
            wait(under_way, 0.2)
            return
        until_s = time.monotonic() + 20
        while waiting_for_locks(db) < sum(not one.done() for one in under_way):
            assert time.monotonic() < until_s, "they neither end nor wait for a lock"
            time.sleep(0.01)

    return until


@pytest.fixture
def meanwhile(all_wait: Callable[..., None]) -> Callable[..., Any]:
    """Lets ``second`` begin when ``first`` is about to run a statement that begins so, and gives what came of both."""

    def raced(db: sqlalchemy.Engine, first: Callable[[], Any], statement: str, second: Callable[[], Any]) -> Any:
        begun: list[Future[Any]] = []
        own = threading.get_ident()

        def before(_connection: Any, _cursor: Any, text: str, *_more: Any) -> None:
            if not begun and threading.get_ident() == own and text.startswith(statement):
                begun.append(pool.submit(second))
                all_wait(db, begun)

        with ThreadPoolExecutor(1) as pool:
            sqlalchemy.event.listen(db, "before_cursor_execute", before)
            try:
                came = first()
                return came, begun[0].result(30)
            finally:
                sqlalchemy.event.remove(db, "before_cursor_execute", before)

    return raced


@pytest.fixture
def start() -> int:
    return START_MS


@pytest.fixture
def minute() -> int:
    return MINUTE_MS
