"""``mimamori replay``: recorded homes through the real agent, broker, ingest, store and watch, and what came of it."""

import hashlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine, select

from contracts import topics
from edge_agent.sources.replay import check_recording
from mimamori import exits
from mimamori.commands import console
from mimamori.server.keys import read_token
from mimamori.server.one_machine import OneMachine
from mimamori.server.settings import in_folder, timeseries_of
from mimamori.server.tally import tally
from store.engine import open_store, reading
from store.register.registry import edit
from store.schema import cursors, lapses, quarantine
from store.timeseries import open_timeseries
from store.timeseries.port import TimeSeries

STALL_S = 60.0
"""A replay that stores nothing for this long is given up, with the last words of the parts."""
_POLL_S = 0.2

SERVER_TABLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "server": {"roles": ["ingest"]},  # the past pages no one: nothing here may open an incident
    "store": {"keep_days": 0},  # a recording is older than anything a server keeps, and its store may be another's too
    "ingest": {"max_lag_s": 100 * 366 * 86_400},  # a recording is years old by design
}


def run(
    recordings: Sequence[Path], zone: str, report_path: Path | None, store: str | None, token_file: Path | None
) -> int:
    """Replay the recordings one after the other; returns the exit code. Nothing is stored if one of them is broken."""
    console.check_writable(report_path)
    if twice := [path for path, count in Counter(path.resolve() for path in recordings).items() if count > 1]:
        raise exits.UsageError(f"{twice[0]} was given twice; name each recording once")
    checked = [CheckedRecording.check(path) for path in recordings]  # all of them, before the first event leaves
    with tempfile.TemporaryDirectory(prefix="mimamori-replay-") as folder:
        url = in_folder(timeseries_of(store), Path(folder)) if store else None
        report = replay(checked, zone, Path(folder), url, token_file)
    console.write_report(report_path, report)
    _print(report)
    return exits.DONE if report["events"]["missing"] == 0 == report["events"]["duplicates_stored"] else exits.FAILED


@dataclass(frozen=True, slots=True)
class CheckedRecording:
    """A recording that was read to its end and is sound."""

    path: Path
    rows: int
    gateway: str

    @classmethod
    def check(cls, path: Path) -> Self:
        """Read all of it. Raises RecordingError, which names file and line."""
        return cls(path, check_recording(path).rows, gateway_of(path))


def replay(
    recordings: Sequence[CheckedRecording],
    zone: str,
    folder: Path,
    timeseries_url: str | None = None,
    token_file: Path | None = None,
) -> dict[str, Any]:
    """Replay checked recordings on one machine in ``folder``; returns the report."""
    tables = dict(SERVER_TABLES)
    if token_file:
        tables["store"] = {**tables["store"], "token_file": str(token_file.resolve())}
    with OneMachine(folder, tables, timeseries_url) as machine:
        machine.broker.start()
        with (
            closing(open_timeseries(machine.timeseries_url, read_token(token_file))) as timeseries,
            _disposing(open_store(machine.store_url)) as db,
        ):
            register(db, [recording.gateway for recording in recordings], zone)
            machine.start_server()
            with _progress() as progress:
                homes = [_replay_one(machine, db, timeseries, each, zone, progress) for each in recordings]
    totals = {key: sum(home["events"][key] for home in homes) for key in homes[0]["events"]}
    return {"zone": zone, "events": totals, "homes": homes}


def gateway_of(recording: Path) -> str:
    """The gateway id that stands for a recording: its name, and enough of its path to keep two of a name apart."""
    name = recording.name.removesuffix(".gz").removesuffix(".csv")
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)[:40].strip("-")
    digest = hashlib.sha256(str(recording.resolve()).encode()).hexdigest()[:8]
    return topics.check_gateway(f"replay-{plain or 'home'}-{digest}")


def register(db: Engine, gateways: Iterable[str], zone: str) -> None:
    """Give each gateway a home with a person behind it, so that ingest knows whose events come."""
    with edit(db, actor="replay", now_ms=console.now_ms()) as registry:
        council = registry.add_organisation("Recorded homes", "council")
        for gateway in gateways:
            person = registry.add_person(gateway)
            registry.add_home(person, council, gateway=gateway, zone=zone, id=gateway)


def outcome_of(db: Engine, timeseries: TimeSeries, gateway: str, rows: int) -> dict[str, Any]:
    """What became of one recording: counts of its events, and the asks and calls its silences made."""
    with reading(db) as connection:
        published = connection.execute(select(cursors.c.upto).where(cursors.c.gateway == gateway)).scalars().all()
        quarantined = len(connection.execute(select(quarantine.c.id).where(quarantine.c.gateway == gateway)).all())
        silences = connection.execute(select(lapses).where(lapses.c.home_id == gateway).order_by(lapses.c.due_ms)).all()
    counted = tally(timeseries, [gateway])
    return {
        "events": {
            "rows": rows,
            "published": sum(published),
            "stored": counted.stored,
            "missing": rows - counted.distinct - quarantined,
            "duplicates_stored": counted.duplicates,
            "quarantined": quarantined,
        },
        "asks": [_lapse(row) for row in silences if row.kind == "ask"],
        "calls": [_lapse(row) for row in silences if row.kind == "call"],
    }


def _replay_one(
    machine: OneMachine,
    db: Engine,
    timeseries: TimeSeries,
    recording: CheckedRecording,
    zone: str,
    progress: Progress,
) -> dict[str, Any]:
    begun, gateway = time.monotonic(), recording.gateway
    task = progress.add_task(recording.path.name, total=recording.rows)
    machine.start_replay_agent(gateway, recording.path, zone)
    stored, moved = 0, time.monotonic()
    while machine.agents[gateway].poll() is None:
        now_stored = stored_so_far(db, gateway)
        if now_stored > stored:
            stored, moved = now_stored, time.monotonic()
            progress.update(task, completed=stored)
        if machine.server is None or machine.server.poll() is not None:
            raise exits.UsageError("the server ended:\n" + machine.last_words("server.log"))
        if time.monotonic() - moved > STALL_S:
            raise exits.UsageError(_stalled(machine, gateway))
        time.sleep(_POLL_S)
    if machine.agents.pop(gateway).returncode != 0:
        raise exits.UsageError(f"the agent gave up on {recording.path}:\n" + machine.last_words(f"{gateway}.log"))
    progress.update(task, completed=recording.rows)
    result = outcome_of(db, timeseries, gateway, recording.rows)
    seconds = time.monotonic() - begun
    return {"file": str(recording.path), "gateway": gateway, "seconds": round(seconds, 1), **result}


def stored_so_far(db: Engine, gateway: str) -> int:
    """How many events of a gateway are stored, by the cursors."""
    with reading(db) as connection:
        return sum(connection.execute(select(cursors.c.events).where(cursors.c.gateway == gateway)).scalars())


def _stalled(machine: OneMachine, gateway: str) -> str:
    return (
        f"nothing was stored for {STALL_S:.0f} s. The server's last words:\n{machine.last_words('server.log')}\n"
        f"The agent's:\n{machine.last_words(gateway + '.log')}"
    )


def _lapse(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a row of lapses
    return {
        "since_ms": row.since_ms,
        "due_ms": row.due_ms,
        "ended_ms": row.ended_ms,
        "reason_ja": row.reason_ja,
        "reason_en": row.reason_en,
    }


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(file=sys.stderr))


@contextmanager
def _disposing(db: Engine) -> Iterator[Engine]:
    """`contextlib.closing` for an SQLAlchemy engine."""
    try:
        yield db
    finally:
        db.dispose()


def _print(report: dict[str, Any]) -> None:
    out = Console()
    for home in report["homes"]:
        events = home["events"]
        out.print(
            f"{Path(home['file']).name}: {events['rows']:,} rows, {events['stored']:,} stored, "
            f"{events['missing']} missing, {events['duplicates_stored']} twice, {events['quarantined']} quarantined; "
            f"{len(home['asks'])} asks, {len(home['calls'])} calls; {home['seconds']:.1f} s"
        )
