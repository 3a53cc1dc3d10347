"""``mimamori replay``: recorded homes through the real agent, broker, ingest, store and watch, and what came of it."""

import argparse
import hashlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine, func, select

from contracts import topics
from edge_agent.sources.replay import check_recording
from mimamori import exits
from mimamori.commands import console
from mimamori.server.one_machine import OneMachine
from mimamori.server.settings import StoreSettings, timeseries_of
from mimamori.server.stores import opened_store, opened_timeseries
from mimamori.server.tally import in_words, is_sound, tally
from store.engine import reading
from store.register.registry import edit
from store.schema import cursors, lapses
from store.timeseries.port import TimeSeries

STALL_S = 60.0
"""A replay that stores nothing for this long is given up, with the last words of the parts."""
_POLL_S = 0.2

SERVER_TABLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "server": {"roles": ["ingest"]},  # the past pages no one: nothing here may open an incident
    "store": {"keep_days": 0},  # a recording is older than anything a server keeps, and its store may be another's too
    "ingest": {"max_lag_s": 100 * 366 * 86_400},  # a recording is years old by design
}
_LAPSE: Final = (lapses.c.since_ms, lapses.c.due_ms, lapses.c.ended_ms, lapses.c.reason_ja, lapses.c.reason_en)


def run(options: argparse.Namespace) -> int:
    """Replay the recordings one after the other; returns the exit code. Nothing is stored if one of them is broken."""
    console.check_writable(options.report)
    counts = Counter(path.resolve() for path in options.recordings)
    if twice := [path for path, count in counts.items() if count > 1]:
        raise exits.UsageError(f"{twice[0]} was given twice; name each recording once")
    # All of them are read to their ends before the first event leaves.
    checked = [Recording(path, check_recording(path).rows, gateway_of(path)) for path in options.recordings]
    with tempfile.TemporaryDirectory(prefix="mimamori-replay-") as folder:
        report = replay(checked, options, Path(folder))
    console.write_report(options.report, report)
    _print(report)
    return exits.DONE if is_sound(report["events"]) else exits.FAILED


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was read to its end and is sound."""

    path: Path
    rows: int
    gateway: str


def replay(recordings: Sequence[Recording], options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Replay checked recordings on one machine in ``folder``; returns the report."""
    tables = dict(SERVER_TABLES)
    if options.token_file:
        tables["store"] = {**tables["store"], "token_file": str(options.token_file.resolve())}
    with OneMachine(folder, tables, timeseries_of(options.store, folder) if options.store else None) as machine:
        machine.broker.start()
        with (
            opened_timeseries(StoreSettings(machine.store_url, machine.timeseries_url, options.token_file)) as series,
            opened_store(machine.store_url) as db,
            _progress() as progress,
        ):
            register(db, [recording.gateway for recording in recordings], options.zone)
            machine.start_server()
            homes = [_replay_one(machine, db, series, each, options.zone, progress) for each in recordings]
    totals = {key: sum(home["events"][key] for home in homes) for key in homes[0]["events"]}
    return {"zone": options.zone, "events": totals, "homes": homes}


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

    def silences(kind: str) -> list[dict[str, Any]]:
        query = select(*_LAPSE).where(lapses.c.home_id == gateway, lapses.c.kind == kind).order_by(lapses.c.due_ms)
        return [dict(row) for row in connection.execute(query).mappings()]

    with reading(db) as connection:
        published = connection.scalar(select(func.sum(cursors.c.upto)).where(cursors.c.gateway == gateway)) or 0
        asks, calls = silences("ask"), silences("call")
    events = {"rows": rows, "published": published, **tally(db, timeseries, [gateway], rows)}
    return {"events": events, "asks": asks, "calls": calls}


def _replay_one(
    machine: OneMachine, db: Engine, timeseries: TimeSeries, recording: Recording, zone: str, progress: Progress
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
            raise exits.UsageError(
                f"nothing was stored for {STALL_S:.0f} s. The server's last words:\n"
                f"{machine.last_words('server.log')}\nThe agent's:\n{machine.last_words(gateway + '.log')}"
            )
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
        return connection.scalar(select(func.sum(cursors.c.events)).where(cursors.c.gateway == gateway)) or 0


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(file=sys.stderr))


def _print(report: dict[str, Any]) -> None:
    out = Console()
    for home in report["homes"]:
        out.print(
            f"{Path(home['file']).name}: {home['events']['rows']:,} rows, {in_words(home['events'])}; "
            f"{len(home['asks'])} asks, {len(home['calls'])} calls; {home['seconds']:.1f} s"
        )
