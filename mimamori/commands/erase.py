"""``mimamori erase``: a person is forgotten, and what that removed is said."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, func, or_, select

from mimamori.commands.console import ACTOR, now_ms, store_of
from mimamori.exits import DONE, UsageError
from mimamori.server.settings import BackendSettings
from mimamori.server.stores import opened_timeseries
from store.engine import reading
from store.register.file import load_register
from store.retention import check_erasable, erase_person
from store.schema import contact_methods, homes, incidents, relations
from store.timeseries.port import TimeSeries


def run(options: argparse.Namespace) -> int:
    """Erase a person of the server with these settings, or say what that would remove; returns the exit code.

    Raises:
        UsageError: ``--yes`` is missing, there is no store, or the register file would bring the person back.
        RetentionError: the person is not there, or an open incident stands in the way.
        StoreError, TimeSeriesError: a store is out of reach; try again.
    """
    person = options.person
    with store_of(options.config) as (settings, db), opened_timeseries(settings.store) as timeseries:
        _refuse_if_they_would_come_back(person, settings.server.register)
        gateways = check_erasable(db, person)
        found = what_goes(db, timeseries, person, gateways)
        if not options.yes:
            raise UsageError(f"nothing is erased yet. Of '{person}' would go: {found}. There is no way back: add --yes")
        erase_person(db, timeseries, person, ACTOR, now_ms())
    sys.stdout.write(f"erased '{person}': {found}. The audit keeps a line with the id.\n")
    _say_what_is_left(gateways, settings)
    return DONE


def what_goes(db: Engine, timeseries: TimeSeries, person: str, gateways: Sequence[str]) -> str:
    """In one line of plain words, how much there is of a person. No name and no address."""
    theirs = {
        "homes": homes.c.person_id == person,
        "incidents": incidents.c.person_id == person,
        "relations": or_(relations.c.subject_id == person, relations.c.other_id == person),
        "addresses": contact_methods.c.person_id == person,
    }
    with reading(db) as connection:
        counts = {what: connection.scalar(select(func.count()).where(row)) or 0 for what, row in theirs.items()}
    counts["events"] = sum(timeseries.count(gateway) for gateway in gateways)
    return ", ".join(f"{what} {number:,}" for what, number in counts.items())


def _refuse_if_they_would_come_back(person: str, register: Path | None) -> None:
    if register is None:
        return
    entries = load_register(register)
    named = [entry.get("id") for entry in entries.get("people", ()) if isinstance(entry, dict)]
    if person in named:
        raise UsageError(
            f"{register} names '{person}' and is imported at every start, which would bring them back; remove their "
            "entries there first (people, homes, relations)"
        )


def _say_what_is_left(gateways: Sequence[str], settings: BackendSettings) -> None:
    for gateway in gateways:
        sys.stdout.write(f"gateway {gateway} may still hold events: wipe it, and revoke its certificate.\n")
    if settings.channels.outbox is not None:
        sys.stdout.write(f"messages shown in {settings.channels.outbox} are not removed: delete them there.\n")
