"""``mimamori people leave`` and ``people absence``: a responder who is not called, and a person who is not at home."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, Table, select

from mimamori.commands import console
from store.engine import reading
from store.register.checks import RegistryError
from store.register.file import moment_ms
from store.register.registry import Registry, edit
from store.schema import absences, homes, leaves, people


def leave(options: argparse.Namespace) -> int:
    """Register a leave of a responder, or cancel one."""
    return _away(_LEAVE, options)


def absence(options: argparse.Namespace) -> int:
    """Register that a watched person is not at home, or that they are back."""
    return _away(_ABSENCE, options)


@dataclass(frozen=True, slots=True)
class _Kind:
    """Of being away: its word, where it stands, who is away, and what follows."""

    word: str
    table: Table
    who: Callable[[Connection, str], str]
    register: Callable[[Registry, str, int, int, str], str]
    cancel: Callable[[Registry, str], None]
    meanwhile: str
    afterwards: str


def _away(kind: _Kind, options: argparse.Namespace) -> int:
    with console.store_of(options.config) as (_settings, db):
        if options.cancel is not None:
            _must_be_theirs(db, kind.table, options)
            with edit(db, actor=console.ACTOR, now_ms=console.now_ms()) as registry:
                kind.cancel(registry, options.cancel)
            return console.print_line(f"{kind.word} '{options.cancel}' ends now; '{options.person}' {kind.afterwards}")
        from_ms, to_ms = _span_of(options, db)
        with reading(db) as connection:
            who = kind.who(connection, options.person)
        with edit(db, actor=console.ACTOR, now_ms=console.now_ms()) as registry:
            key = kind.register(registry, who, from_ms, to_ms, options.note)
    return console.print_line(
        f"{kind.word} '{key}' of '{options.person}': {kind.meanwhile}; back earlier: "
        f"mimamori people {kind.word} {options.person} --cancel {key} --config {options.config}"
    )


def _span_of(options: argparse.Namespace, db: Engine) -> tuple[int, int]:
    with reading(db) as connection:
        zone = console.person(connection, options.person).zone
    from_ms = console.now_ms() if options.begins is None else moment_ms(options.begins, zone, "--from")
    if options.ends is None:
        raise RegistryError("--to is missing: until when, such as --to 2026-08-17 (their midnight)")
    to_ms = moment_ms(options.ends, zone, "--to")
    if to_ms <= console.now_ms():
        raise RegistryError(
            f"--to {options.ends} is over already ({console.moment(to_ms, zone)}, {zone}) and would change nothing; "
            "write a moment to come (a date means its beginning: up to and with today is --to tomorrow's date)"
        )
    if to_ms <= from_ms:
        raise RegistryError(f"--to {options.ends} is not later than --from {options.begins}; change one of them")
    return from_ms, to_ms


def _must_be_theirs(db: Engine, table: Table, options: argparse.Namespace) -> None:
    """Raise RegistryError where an id is of somebody else: the wrong home would be watched, and the right one not."""
    whose = leaves.c.person_id if table is leaves else homes.c.person_id
    rows = table if table is leaves else table.join(homes, homes.c.id == table.c.home_id)
    with reading(db) as connection:
        person = connection.execute(select(whose).select_from(rows).where(table.c.id == options.cancel)).scalar()
    if person is not None and person != options.person:
        raise RegistryError(f"'{options.cancel}' is of somebody else; see mimamori people show {options.person}")


def _home(connection: Connection, person: str) -> str:
    found = console.home_of(connection, person)
    if found is None:
        watched = select(people.c.id).join(homes, homes.c.person_id == people.c.id).order_by(people.c.id).limit(3)
        names = ", ".join(connection.execute(watched).scalars()) or "nobody yet"
        raise RegistryError(
            f"person '{person}' has no home that is watched (watched: {names}); a responder who is away: "
            "mimamori people leave"
        )
    return found


_LEAVE: Final = _Kind(
    word="leave",
    table=leaves,
    who=lambda _connection, person: person,
    register=Registry.take_leave,
    cancel=Registry.cancel_leave,
    meanwhile="they are not called until it ends",
    afterwards="may be called again",
)
_ABSENCE: Final = _Kind(
    word="absence",
    table=absences,
    who=_home,
    register=Registry.register_absence,
    cancel=Registry.cancel_absence,
    meanwhile="no silence is asked about until it ends, and the help button works as ever",
    afterwards="is watched again",
)
