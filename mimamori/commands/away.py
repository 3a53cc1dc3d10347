"""``mimamori people leave`` and ``people absence``: a responder who is not called, and a person who is not at home."""

import argparse

from sqlalchemy import Connection, Select, select

from mimamori.commands import console
from store.engine import reading
from store.register.checks import RegistryError
from store.register.file import moment_ms
from store.register.registry import edit
from store.schema import absences, homes, leaves, people


def leave(options: argparse.Namespace) -> int:
    """Register a leave of a responder, or cancel one."""
    whose = select(leaves.c.person_id).where(leaves.c.id == options.cancel)
    with console.store_of(options.config) as (_settings, db):
        with reading(db) as connection:
            span = _span_of(options, connection, whose)
        with edit(db, actor=console.ACTOR, now_ms=console.now_ms()) as registry:
            if span is None:
                registry.cancel_leave(options.cancel)
            else:
                key = registry.take_leave(options.person, *span, options.note)
    if span is None:
        return console.print_line(f"leave '{options.cancel}' ends now; '{options.person}' may be called again")
    return _print_how_to_end(options, "leave", key, "they are not called until it ends")


def absence(options: argparse.Namespace) -> int:
    """Register that a watched person is not at home, or that they are back."""
    whose = select(homes.c.person_id).join(absences).where(absences.c.id == options.cancel)
    with console.store_of(options.config) as (_settings, db):
        with reading(db) as connection:
            span = _span_of(options, connection, whose)
            home = _home(connection, options.person)
        with edit(db, actor=console.ACTOR, now_ms=console.now_ms()) as registry:
            if span is None:
                registry.cancel_absence(options.cancel)
            else:
                key = registry.register_absence(home, *span, options.note)
    if span is None:
        return console.print_line(f"absence '{options.cancel}' ends now; '{options.person}' is watched again")
    meanwhile = "no silence is asked about until it ends, and the help button works as ever"
    return _print_how_to_end(options, "absence", key, meanwhile)


def _span_of(options: argparse.Namespace, connection: Connection, whose: Select[tuple[str]]) -> tuple[int, int] | None:
    """From and to of what is registered, ms UTC; None: one of this person's is cancelled. Raises RegistryError."""
    if options.cancel is not None:
        person = connection.scalar(whose)
        if person is not None and person != options.person:  # the wrong home would be watched, and the right one not
            raise RegistryError(f"'{options.cancel}' is of somebody else; see mimamori people show {options.person}")
        return None
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


def _home(connection: Connection, person: str) -> str:
    found = console.home_of(connection, person)
    if found is None:
        watched = select(people.c.id).join(homes, homes.c.person_id == people.c.id).order_by(people.c.id).limit(3)
        names = ", ".join(connection.scalars(watched)) or "nobody yet"
        raise RegistryError(
            f"person '{person}' has no home that is watched (watched: {names}); a responder who is away: "
            "mimamori people leave"
        )
    return found


def _print_how_to_end(options: argparse.Namespace, word: str, key: str, meanwhile: str) -> int:
    return console.print_line(
        f"{word} '{key}' of '{options.person}': {meanwhile}; back earlier: "
        f"mimamori people {word} {options.person} --cancel {key} --config {options.config}"
    )
