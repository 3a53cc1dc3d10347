"""What the commands about people share: the store of a server, moments as they are written, tables and JSON."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Connection, Engine, Select, select

from mimamori.exits import UsageError
from mimamori.server.settings import BackendSettings, load_settings
from mimamori.server.stores import missing_file, opened_store
from store.register.checks import RegistryError
from store.register.phones import redacted
from store.register.registry import Registry, edit
from store.schema import homes, people

ACTOR: Final = "operator"
"""Who acts, in the audit: whoever may run commands on the server."""
CHANNEL: Final = "cli"
_WIDE: Final = 200  # columns where nobody knows the width: a table in a file is not folded


@contextlib.contextmanager
def store_of(config: Path) -> Iterator[tuple[BackendSettings, Engine]]:
    """The settings of a server and its store, opened.

    Raises:
        UsageError: the settings cannot be used, or there is no store yet.
        StoreError: it is out of reach.
    """
    settings = load_settings(config)
    refuse_without_store(settings.store.url)
    with opened_store(settings.store.url) as db:
        yield settings, db


@contextlib.contextmanager
def register_of(config: Path) -> Iterator[Registry]:
    """The register of a server, to be changed in one transaction. Raises as `store_of`, and RegistryError."""
    with store_of(config) as (_settings, db), edit(db, actor=ACTOR, now_ms=now_ms()) as registry:
        yield registry


def refuse_without_store(url: str) -> None:
    """Raise UsageError where there is no store: opening it would make an empty one."""
    if name := missing_file(url):
        raise UsageError(
            f"there is no store {name}; is this the settings file of the server? 'mimamori serve' makes it at its "
            "first start"
        )


def person(connection: Connection, key: str) -> Any:  # noqa: ANN401 - a row of people
    """A person of the register; raises RegistryError."""
    row = connection.execute(select(people).where(people.c.id == key)).first()
    if row is None:
        raise RegistryError(f"person '{key}' is not in the register; see mimamori people list")
    return row


def home_of(connection: Connection, person: str) -> str | None:
    """The home in which a person is watched; None: there is none."""
    return connection.scalar(select(homes.c.id).where(homes.c.person_id == person))


def rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    """What a query finds, by the names of its columns."""
    return [dict(row) for row in connection.execute(query).mappings()]


def now_ms() -> int:
    """Now, ms UTC."""
    return int(time.time() * 1000)


def moment(at_ms: int | None, zone: str) -> str:
    """A moment as it is read on a wall clock; empty for None."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def contacts(connection: Connection, query: Select[Any], *, full: bool) -> list[dict[str, Any]]:
    """Contact methods, their addresses redacted unless asked for in full."""
    found = rows(connection, query)
    if not full:
        for item in found:
            item["address"] = redacted(item["channel"], item["address"])
    return found


def print_line(text: str) -> int:
    """One line for whoever called; gives the exit code of success."""
    sys.stdout.write(text + "\n")
    return 0


def print_json(value: object) -> int:
    """JSON on standard output; times in it are ms UTC. Gives the exit code of success."""
    return print_line(json.dumps(value, ensure_ascii=False, indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> int:
    """A table on standard output; Japanese takes two columns a character, which rich knows."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE).print(table)
    return 0


def check_writable(path: Path | None) -> None:
    """Look, before minutes of work, whether the report can be written at the end; None: there is none.

    Raises:
        UsageError: it cannot.
    """
    if path is None:
        return
    place = path if path.exists() else path.absolute().parent
    if path.is_dir() or not os.access(place, os.W_OK):
        raise UsageError(f"--report {path}: cannot be written; name a file in a folder that exists and is yours")


def write_report(path: Path | None, report: Mapping[str, Any]) -> None:
    """Write the report. Raises UsageError; None: no report."""
    if path is None:
        return
    try:
        path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--report {path}: cannot be written: {error.strerror}") from None
