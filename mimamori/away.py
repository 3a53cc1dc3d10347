"""``mimamori people leave`` and ``people absence``: a responder who is not called, and a person who is not at home."""

import argparse
from typing import Any

from sqlalchemy import Connection, Engine, Table, select

from mimamori import desk
from store.checks import RegistryError
from store.engine import reading
from store.register_file import moment_ms
from store.registry import edit
from store.schema import absences, homes, leaves, people


def leave(options: argparse.Namespace) -> int:
    """Register a leave of a responder, or cancel one."""
    with desk.store_of(options.config) as (_settings, db):
        if options.cancel is not None:
            _must_be_theirs(db, leaves, options)
            with _edit(db) as registry:
                registry.cancel_leave(options.cancel)
            return desk.say(f"leave '{options.cancel}' ends now")
        from_ms, to_ms = _span_of(options, db)
        with _edit(db) as registry:
            key = registry.take_leave(options.person, from_ms, to_ms, options.note)
    return desk.say(
        f"leave '{key}' of '{options.person}'; back earlier: mimamori people leave {options.person} --cancel {key} "
        f"--config {options.config}"
    )


def absence(options: argparse.Namespace) -> int:
    """Register that a watched person is not at home, or that they are back."""
    with desk.store_of(options.config) as (_settings, db):
        if options.cancel is not None:
            _must_be_theirs(db, absences, options)
            with _edit(db) as registry:
                registry.cancel_absence(options.cancel)
            return desk.say(f"absence '{options.cancel}' ends now; '{options.person}' is watched again")
        from_ms, to_ms = _span_of(options, db)
        with reading(db) as connection:
            home = _home(connection, options.person)
        with _edit(db) as registry:
            key = registry.register_absence(home, from_ms, to_ms, options.note)
    return desk.say(
        f"absence '{key}' of '{options.person}': no silence is asked about until it ends, and the help button works as "
        f"ever; back earlier: mimamori people absence {options.person} --cancel {key} "
        f"--config {options.config}"
    )


def _span_of(options: argparse.Namespace, db: Engine) -> tuple[int, int]:
    with reading(db) as connection:
        zone = desk.person(connection, options.person).zone
    from_ms = desk.now_ms() if options.begins is None else moment_ms(options.begins, zone, "--from")
    if options.ends is None:
        raise RegistryError("--to is missing: until when, such as --to 2026-08-17 (their midnight)")
    return from_ms, moment_ms(options.ends, zone, "--to")


def _must_be_theirs(db: Engine, table: Table, options: argparse.Namespace) -> None:
    """Raise RegistryError where an id is of somebody else: the wrong home would be watched, and the right one not."""
    whose = leaves.c.person_id if table is leaves else homes.c.person_id
    rows = table if table is leaves else table.join(homes, homes.c.id == table.c.home_id)
    with reading(db) as connection:
        person = connection.execute(select(whose).select_from(rows).where(table.c.id == options.cancel)).scalar()
    if person is not None and person != options.person:
        raise RegistryError(f"'{options.cancel}' is of somebody else; see mimamori people show {options.person}")


def _home(connection: Connection, person: str) -> str:
    found = desk.home_of(connection, person)
    if found is None:
        watched = select(people.c.id).join(homes, homes.c.person_id == people.c.id).order_by(people.c.id).limit(3)
        names = ", ".join(connection.execute(watched).scalars()) or "nobody yet"
        raise RegistryError(
            f"person '{person}' has no home that is watched (watched: {names}); a responder who is away: "
            "mimamori people leave"
        )
    return found


def _edit(db: Engine) -> Any:  # noqa: ANN401 - the context manager of store.registry
    return edit(db, actor=desk.ACTOR, now_ms=desk.now_ms())
