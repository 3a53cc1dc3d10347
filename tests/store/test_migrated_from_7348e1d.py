"""A database of commit 7348e1d is brought up to date: the pages show the same, the next ticks and answers do the same.

`fixtures/7348e1d.sql.gz` is the database, with open incidents in every state, at 2026-01-10 22:10 in Tokyo;
`fixtures/7348e1d.json` (board, ticks, answers) and `7348e1d.pages.json.gz` (the text of the pages) are what the code of
that commit showed of it and did with it. `fixtures/make_7348e1d.py` made them, the latter two by functions from here.
"""

import difflib
import gzip
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from alembic import command
from alembic.config import Config
from fastapi.testclient import TestClient
from sqlalchemy import Engine, MetaData, create_engine, insert, select, update

import store
from alerts.delivery.sender import Sender
from alerts.incidents.engine import Engine as AlertEngine
from alerts.ports import OutgoingMessage, SendOutcome, SendResult
from alerts.settings import AlertsSettings
from alerts.signals.active import calls_for_help
from alerts.wording.links import Links
from dashboard.app import create_app
from dashboard.settings import DashboardSettings
from store.engine import open_store, reading
from store.schema import claims, deliveries, gateways, homes, incidents, people
from store.timeseries.sqlite import SqliteTimeSeries

FIXTURES = Path(__file__).parent / "fixtures"
MINUTE, HOUR = 60_000, 3_600_000
NOW = 1_768_050_600_000
TICKS = (NOW, NOW + 10 * MINUTE, NOW + 2 * HOUR, NOW + 9 * HOUR)
"""The last one is after the end of the quiet hours."""
SECRET, HERE = "a secret of the fixture only", "http://127.0.0.1:8080"
CHANNELS = ("outbox", "line", "sms", "voice", "home", "email")
ZONE = ZoneInfo("Asia/Tokyo")
CHANGED: dict[str, str] = {
    "own_cannot": "help",
    "own_safe": "ok",
    "無事を確認・対応を終える": "結果を記録して対応を終える",
    "Confirmed safe, close the case": "Record the outcome, close the incident",
    "Open cases": "Open incidents",
    "(open case)": "(open incident)",
    "Case history": "Incident history",
    "No case yet": "No incident yet",
    "case opened": "incident opened",
    "case closed": "incident closed",
    "the end of this case": "the end of this incident",
    "open a case while": "open an incident while",
    "Close the matter of the area": "Close the incident of the area",
    "Close the device matter": "Close the device incident",
    "Ways to reach them": "Contact methods",
    "last heard": "last seen",
    "never heard yet": "never seen yet",
    "a human closes the case": "a human closes the incident",
    "found well in another case": "found well in another incident",
    "Call for help at": "Call others at",
    "no way to reach them": "no contact method in use",
    "The gateway is not heard of": "The gateway does not respond",
    "A sensor is not heard of": "A sensor does not respond",
    "who said going was not heard of again": "whoever said they were going did not report",
    "going, not heard of since": "going, no news since",
    "the device was heard of again": "the device responds again",
    "heard of again": "responds again",
    "every way of reaching somebody failed": "every contact method of somebody failed",
}
"""Words that are others today, on purpose: as they were and as they are. Put into what the old code showed and sent."""
ANSWERS = (
    ("asked", "p-asked", "safe"),
    ("asked-english", "p-asked-english", "cannot"),
    ("called", "shiro", "cannot"),
    ("called", "saburo", "going"),
    ("going-one", "going-one-n1", "safe"),
    ("going-two", "going-two-n1", "cannot"),
    ("going-staff", "shiki", "called_119"),
    ("emergency", "shiki", "going"),
    ("absent", "absent-n1", "safe"),
    ("lapsed", "lapsed-n1", "going"),
    ("emergency-going", "emergency-going-n1", "safe"),
    ("pressed", "emi", "going"),
    ("needs-help", "p-needs-help", "safe"),
    ("overtaken", "p-overtaken", "safe"),
    ("attention", "shiki", "safe"),
    ("hana", "p-hana", "cannot"),
    ("english", "p-english", "cannot"),
    ("again", "p-again", "safe"),
    ("again-twice", "p-again-twice", "cannot"),
    ("decline", "p-decline", "cannot"),
    ("lost-day", "shiki", "safe"),
)
"""Home, person and answer: by the link of their newest question from before."""


# ---- The database ----------------------------------------------------------------------------------------------------


def _sql() -> str:
    return gzip.decompress((FIXTURES / "7348e1d.sql.gz").read_bytes()).decode()


def _file(folder: Path) -> Path:
    """The old database, in a file, as it was."""
    path = folder / "7348e1d.db"
    plain = sqlite3.connect(path)
    plain.executescript(_sql())
    plain.close()
    return path


def sqlite_copy(folder: Path) -> Engine:
    """The old database as today's code opens it."""
    return open_store(f"sqlite:///{_file(folder)}")


def postgres_copy(folder: Path, url: str) -> Engine:
    """The same rows in PostgreSQL, which the first migration prepares and today's code opens."""
    target = open_store(url, migrate=False)
    with target.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    source = create_engine(f"sqlite:///{_file(folder)}")
    old, new = MetaData(), MetaData()
    old.reflect(source)
    new.reflect(target)
    with source.connect() as read, target.begin() as write:
        write.exec_driver_sql("SET session_replication_role = replica")  # rows of one table may name one another
        for table in new.sorted_tables:
            own = table.autoincrement_column  # numbered by the server, which would else give these numbers again
            names = [column.name for column in table.columns if column is not own]
            rows = read.execute(select(*(old.tables[table.name].c[name] for name in names)))
            given = [dict(row) for row in rows.mappings()]
            if given and table.name != "alembic_version":
                write.execute(insert(table), given)
        write.exec_driver_sql("SET session_replication_role = DEFAULT")
    source.dispose()
    target.dispose()
    return open_store(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """The old database as today's code opens it, of either kind."""
    if request.param == "sqlite":
        engine = sqlite_copy(tmp_path)
    else:
        in_byte_order = "template0 LOCALE_PROVIDER libc LOCALE 'C'"  # as SQLite, by which names are listed
        engine = postgres_copy(tmp_path, request.getfixturevalue("new_database")(in_byte_order))
    yield engine
    engine.dispose()


# ---- What the pages show ---------------------------------------------------------------------------------------------


class Clock:
    """Stands still."""

    def wall_ms(self) -> int:
        return NOW

    def monotonic_ms(self) -> int:
        return 0


class Reader(HTMLParser):
    """The text of a page, a line for each block; cells of a table are parted by bars."""

    BLOCKS = frozenset(
        re.findall(r"\w+", "p li h1 h2 h3 h4 tr dt dd div section header article summary form label button option")
    )
    SILENT = frozenset(("svg", "script", "style"))

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002 - as the parser calls it
        self._silent += tag in self.SILENT
        self.text += "\n" if tag in self.BLOCKS or tag == "br" else " | " if tag in ("td", "th") else ""

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self.SILENT
        self.text += "\n" if tag in self.BLOCKS else ""

    def handle_data(self, data: str) -> None:
        self.text += "" if self._silent else re.sub(r"\s+", " ", data)


def text_of(html: str) -> list[str]:
    """The visible lines of a page, or of a part of one."""
    reader = Reader()
    reader.feed(html)
    lines = (re.sub(r"\s+", " ", line).strip(" |") for line in reader.text.splitlines())
    return [line for line in lines if line]


def main_of(html: str) -> list[str]:
    """The visible lines of what is the page's own, without the table of the day: there are no events here."""
    found = re.search(r"<main.*?</main>", html, re.S)
    assert found, html
    return text_of(re.sub(r'<details class="table".*?</details>', "", found[0], flags=re.S))


def browser_of(db: Engine, folder: Path) -> TestClient:
    app = create_app(db, SqliteTimeSeries(folder / "events.db"), Links(SECRET, HERE), Clock(), DashboardSettings())
    return TestClient(app, base_url=HERE, follow_redirects=False)


def pages(db: Engine, folder: Path) -> dict[str, list[str]]:
    """The lines of the board, of each person's page with the history, and of each area's, in both languages."""
    browser = browser_of(db, folder)
    with reading(db) as connection:
        found = [
            "/",
            *(f"/homes/{key}" for key in connection.execute(select(homes.c.id).order_by(homes.c.id)).scalars()),
        ]
        areas = select(incidents.c.id).where(incidents.c.kind == "area_outage").order_by(incidents.c.id)
        found += [f"/areas/{key}" for key in connection.execute(areas).scalars()]
    shown = {}
    for path in found:
        for language in ("ja", "en"):
            answer = browser.get(path, params={"lang": language})
            assert answer.status_code == 200, (path, answer.text)
            shown[f"{path} {language}"] = main_of(answer.text)
    return shown


def letters(db: Engine, folder: Path) -> dict[str, list[str]]:
    """The page behind the newest question to each person of each open incident, in their own language."""
    browser = browser_of(db, folder)
    shown = {}
    for row in _questions(db):
        if row.case_state in ("resolved", "cancelled"):
            continue
        token = Links(SECRET, HERE).sign(row.id, row.created_ms)
        browser.cookies.clear()
        shown[f"{row.dedup_key} {row.person_id}"] = main_of(browser.get(f"/r/{token}").text)
    return shown


def _questions(db: Engine) -> list[Any]:
    """The newest message that asks something, to each person of each incident; those that failed last."""
    found = (
        select(deliveries, incidents.c.dedup_key, incidents.c.home_id, incidents.c.state.label("case_state"))
        .join(incidents, incidents.c.id == deliveries.c.incident_id)
        .where(deliveries.c.purpose != "news")
        .order_by(deliveries.c.created_ms, deliveries.c.state.not_in(["failed", "expired"]), deliveries.c.id)
    )
    with reading(db) as connection:
        rows = connection.execute(found).all()
    return list({(row.dedup_key, row.person_id): row for row in rows}.values())


# ---- The board, piece by piece ---------------------------------------------------------------------------------------


def board(db: Engine, folder: Path) -> dict[str, Any]:
    """What the board says apart from its words: states, names, times, answers."""
    html = browser_of(db, folder).get("/", params={"lang": "ja"}).text
    with reading(db) as connection:
        names = list(connection.execute(select(people.c.name).distinct()).scalars())
    articles = re.findall(r'<article class="case s-(\w+)" id="case-[^"]+">(.*?)</article>', html, re.S)
    lines = re.findall(r'<tr role="row" class="s-(\w+)">(.*?)</tr>', html, re.S)
    counts = re.findall(r'<li class="count s-(\w+)[^>]*>.*?<b>(\d+)</b>', html, re.S)
    return {
        "counts": dict(counts),
        "cards": [_card(state, body, names) for state, body in articles],
        "homes": [[state, *_marks(body, names)] for state, body in lines],
    }


def _card(state: str, body: str, names: list[str]) -> dict[str, Any]:
    who = re.search(r'href="(/\w+/[^"]+)">(.*?)</a>', body)
    assert who, body
    facts = re.findall(r'<div(?: class="(\w+)")?><dt>.*?</dt>\s*<dd>(.*?)</dd></div>', body, re.S)
    told = next((fact for name, fact in facts if name == "facts__told"), "")
    going = next((fact for name, fact in facts if name == "facts__going"), "")
    plain = [fact for name, fact in facts if not name]  # the step, perhaps why it is put off, what happens next
    return {
        "state": state,
        "who": who[2],
        "where": who[1] if "/homes/" in who[1] else "/areas/",
        "step": " ".join(re.findall(r"\d/\d", plain[0])),
        "going": _marks(going, names),
        "put off": [_marks(fact, names) for fact in plain[1:-1]],
        "next": _marks(plain[-1], names),
        "told": [
            re.findall(r'class="answer a-(\w+)"', line) + _marks(line, names)
            for line in re.findall(r"<li>(.*?)</li>", told, re.S)
        ],
        "also": [_marks(line, names) for line in re.findall(r'<li class="s-\w+">(.*?)</li>', body, re.S)],
    }


def _marks(html: str, names: list[str]) -> list[str]:
    """The names and the times in it, in order."""
    words = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    return re.findall(rf"{words}|\d\d:\d\d(?::\d\d)?", " ".join(text_of(html)))


# ---- What the ticks do -----------------------------------------------------------------------------------------------


class AlwaysTakes:
    """A channel that takes every message."""

    def __init__(self, name: str) -> None:
        self.name = name

    def send(self, message: OutgoingMessage) -> SendResult:
        return SendResult(SendOutcome.OK, vendor_id=f"after-{message.delivery_id}")


class Backend:
    """Engine and sender, begun anew on the old database; the homes that were alive stay alive."""

    def __init__(self, db: Engine) -> None:
        self._db = db
        settings = AlertsSettings()
        self._engine = AlertEngine(db, settings)
        channels = {name: AlwaysTakes(name) for name in CHANNELS}
        self._sender = Sender(db, channels, "worker-3", Links(SECRET, HERE), settings)
        heard = gateways.c.heartbeat_ms >= NOW - 15 * MINUTE
        with reading(db) as connection:
            self._heard = list(connection.execute(select(gateways.c.gateway).where(heard)).scalars())
            proven = select(gateways.c.gateway).where(heard, gateways.c.proven_ms >= NOW - 15 * MINUTE)
            self._proven = list(connection.execute(proven).scalars())

    def work(self, now_ms: int) -> dict[str, Any]:
        """One tick and one run of the sender; gives what they changed."""
        with self._db.begin() as connection:
            heard = update(gateways).where(gateways.c.gateway.in_(self._heard))
            connection.execute(heard.values(heartbeat_ms=now_ms))
            proven = update(gateways).where(gateways.c.gateway.in_(self._proven))
            connection.execute(proven.values(proven_ms=now_ms))
        before = state_of(self._db)
        self._engine.tick(now_ms)
        self._sender.run_due(now_ms)
        return _changes(before, state_of(self._db))


def state_of(db: Engine) -> dict[str, dict[str, Any]]:
    """Every incident, message and claim, each in a line."""
    messages = select(deliveries, incidents.c.dedup_key).join(incidents, incidents.c.id == deliveries.c.incident_id)
    going = select(claims, incidents.c.dedup_key).join(incidents, incidents.c.id == claims.c.incident_id)
    with reading(db) as connection:
        return {
            "incidents": {row.dedup_key: _incident(row) for row in connection.execute(select(incidents))},
            "messages": {row.id: _message(row) for row in connection.execute(messages)},
            "claims": {
                f"{row.dedup_key} {row.person_id} {at(row.claimed_ms)}": f"until {at(row.expires_ms)}, {row.ended_by}"
                for row in connection.execute(going)
            },
        }


def at(moment_ms: int | None) -> str:
    """A moment in Tokyo, to the ms."""
    if moment_ms is None:
        return "never"
    return datetime.fromtimestamp(moment_ms / 1000, ZONE).strftime("%d %H:%M:%S.%f")[:-3]


def _incident(row: Any) -> str:
    where = f"step {row.step}, round {row.repeat}, epoch {row.epoch}"
    asked = f"asked {at(row.asked_ms)}, called {at(row.called_ms)}, council {at(row.council_ms)}"
    end = f"{row.outcome} by {row.outcome_by}, {at(row.closed_ms)}" if row.outcome else f"due {at(row.next_due_ms)}"
    return f"{row.state}, {where}; {end}; {asked}"


def _message(row: Any) -> dict[str, str]:
    told = "" if row.bundle_id is None else " with another"
    return {
        "about": row.dedup_key,
        "to": f"{row.person_id} by {row.channel}",
        "what": f"{row.purpose} {row.epoch}/{row.step}/{row.repeat}",
        "words": f"{row.subject}: {row.body}",
        "state": f"{row.state}{told}, {row.failure}, due {at(row.due_ms)}, until {at(row.expires_ms)}",
    }


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The incidents that are open or were, the new messages, the old ones that stand elsewhere, and the claims."""
    ended = ("resolved", "cancelled")
    known = before["incidents"]
    open_still = {key: line for key, line in after["incidents"].items() if not known.get(key, "").startswith(ended)}
    new = [message for key, message in after["messages"].items() if key not in before["messages"]]
    old = [
        {**message, "was": before["messages"][key]["state"]}
        for key, message in after["messages"].items()
        if key in before["messages"] and message != before["messages"][key]
    ]
    claimed = {key: line for key, line in after["claims"].items() if before["claims"].get(key, "") != line}

    def order(message: Mapping[str, str]) -> list[str]:
        return list(message.values())

    return {
        "incidents": open_still,
        "new messages": sorted(new, key=order),
        "messages": sorted(old, key=order),
        "claims": claimed,
    }


def ticks(db: Engine) -> dict[str, Any]:
    """What each tick does, with the sender."""
    backend = Backend(db)
    return {at(now_ms): backend.work(now_ms) for now_ms in TICKS}


# ---- What the answers do ---------------------------------------------------------------------------------------------


def answers(db: Engine, folder: Path) -> dict[str, Any]:
    """What answers to messages from before do, then the tick after them."""
    browser, links = browser_of(db, folder), Links(SECRET, HERE)
    newest = {(row.home_id, row.person_id): row for row in _questions(db)}
    done: dict[str, Any] = {}
    for home, person, answer in ANSWERS:
        row = newest[home, person]
        before = state_of(db)
        form = {"answer": answer, "once": f"now-{len(done)}", "minutes": "15"}
        status = browser.post(f"/r/{links.sign(row.id, row.created_ms)}", data=form).status_code
        done[f"{home} {person} {answer}"] = [status, _difference(before, state_of(db))]
    done["sent again"] = _sent_again(db, browser, links)
    done["the tick after"] = Backend(db).work(NOW + MINUTE)
    return done


def _sent_again(db: Engine, browser: TestClient, links: Links) -> list[Any]:
    """The buttons that were pressed on pages before, as a reload sends them again: they had their effect."""
    with reading(db) as connection:
        created_ms = {row.id: row.created_ms for row in connection.execute(select(deliveries))}
    before = state_of(db)
    statuses = []
    for delivery_id, once, answer in re.findall(r"'page:([0-9a-f-]{36}):(once-\d+):(\w+)'", _sql()):
        form = {"answer": answer, "once": once, "minutes": "60"}
        token = links.sign(delivery_id, created_ms[delivery_id])
        statuses.append(browser.post(f"/r/{token}", data=form).status_code)
    return [statuses, _difference(before, state_of(db))]


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    changed = _changes(before, after)
    same = before["incidents"]
    changed["incidents"] = {key: line for key, line in after["incidents"].items() if same.get(key) != line}
    return {what: found for what, found in changed.items() if found}


# ---- The tests -------------------------------------------------------------------------------------------------------


def everything(new: Callable[[], tuple[Engine, Path]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What there is to compare, in the two parts that are kept; ``new`` gives a fresh copy of the database."""
    seen, moved, answered = new(), new(), new()
    done = {"board": board(*seen), "ticks": ticks(moved[0]), "answers": answers(*answered)}
    return done, {"pages": pages(*seen), "letters": letters(*seen)}


@cache
def expected() -> dict[str, Any]:
    """What the old code showed and did, in the words of today."""
    done = (FIXTURES / "7348e1d.json").read_text(encoding="utf-8")
    shown = gzip.decompress((FIXTURES / "7348e1d.pages.json.gz").read_bytes()).decode()
    for old, new in CHANGED.items():
        assert old in done + shown, f"the old code never said: {old}"
        done, shown = done.replace(old, new), shown.replace(old, new)
    return {**json.loads(done), **json.loads(shown)}


def assert_same(found: object, wanted: object) -> None:
    """Equal, or an error that shows the lines that differ."""
    one, other = (
        json.dumps(what, ensure_ascii=False, indent=1, sort_keys=True).split("\n") for what in (wanted, found)
    )
    if one != other:
        pytest.fail("\n".join(difflib.unified_diff(one, other, "7348e1d", "today", lineterm="", n=8)), pytrace=False)


def test_the_board_shows_the_same_people_in_the_same_states(db: Engine, tmp_path: Path):
    assert_same(board(db, tmp_path), expected()["board"])


ON_SQLITE = pytest.mark.parametrize("db", ["sqlite"], indirect=True)
"""Hundreds of pages: that PostgreSQL gives them the same rows shows on the board, in the ticks and in the answers."""
MARKS = re.compile(r'"((?:きょうの動き|Today) [^"]*?(?:いま|Now))[^"]*"')


def without_marks(found: object) -> object:
    """The pages without the times below the chart of the day, which then told others than the page itself."""
    return json.loads(MARKS.sub(r'"\1"', json.dumps(found, ensure_ascii=False)))


@ON_SQLITE
def test_every_page_says_the_same(db: Engine, tmp_path: Path):
    assert_same(without_marks(pages(db, tmp_path)), without_marks(expected()["pages"]))


@ON_SQLITE
def test_every_responder_reads_the_same(db: Engine, tmp_path: Path):
    assert_same(letters(db, tmp_path), expected()["letters"])


def test_the_next_ticks_do_the_same(db: Engine):
    assert_same(ticks(db), expected()["ticks"])


def test_an_update_can_be_taken_back_and_made_again(db: Engine, tmp_path: Path):
    before = board(db, tmp_path)
    revisions = Config()
    revisions.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    for change, revision in ((command.downgrade, "0001"), (command.upgrade, "head")):
        with db.begin() as connection:
            revisions.attributes["connection"] = connection
            change(revisions, revision)
    assert_same(board(db, tmp_path), before)


def test_answers_to_messages_from_before_do_the_same(db: Engine, tmp_path: Path):
    assert_same(answers(db, tmp_path), expected()["answers"])


@pytest.mark.parametrize(("kind", "ended_ms"), [("gateway_lost", -MINUTE), ("silence", 0), ("silence", MINUTE)])
def test_help_that_was_called_for_after_the_end_is_still_called_for(tmp_path: Path, kind: str, ended_ms: int):
    """Just before the update, so that no tick of the old version opened its incident."""
    path = _file(tmp_path)
    old = sqlite3.connect(path)
    incident, home, person = old.execute(
        "SELECT id, home_id, person_id FROM incidents WHERE kind = 'silence' AND closed_ms > 0"
    ).fetchone()
    old.execute("UPDATE incidents SET kind = ?, closed_ms = ? WHERE id = ?", (kind, NOW + ended_ms, incident))
    old.execute(
        "INSERT INTO responses (id, incident_id, person_id, kind, channel, epoch, at_ms, note)"
        " VALUES ('again', ?, ?, 'help', 'page', 1, ?, '')",
        (incident, person, NOW),
    )
    old.commit()
    old.close()
    engine = open_store(f"sqlite:///{path}")
    with reading(engine) as connection:
        assert home in [signal.home for signal in calls_for_help(connection, NOW + HOUR)]
    engine.dispose()
