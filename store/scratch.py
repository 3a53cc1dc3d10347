"""A store in memory with what is known of one person: to try out what would happen, without writing it anywhere."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, event, insert, or_, select

from contracts.statements import BUTTON, StatementKind, said_now
from store.engine import open_store, reading
from store.register.checks import RegistryError
from store.schema import (
    absences,
    contact_methods,
    deliveries,
    gateways,
    homes,
    leaves,
    live_states,
    metadata,
    organisations,
    people,
    relations,
    statements,
)

PAST: Final = "past:"
"""What stands before the incident of an old call in the copy: no incident of the copy is named like that."""
_SOON_MS: Final = 366 * 24 * 3_600_000


def copy_of_register(db: Engine, person: str) -> tuple[Engine, str]:
    """A store in memory with a person's home, everybody related to it, and when those were called.

    Nothing else is in it: no other home's deadlines, no incident, no events. Messages are without their words. The
    caller disposes of it; it is usable from the thread that made it.

    Args:
        db: the relational store; only read.
        person: person id.

    Returns:
        The store, and the id of the person's home.

    Raises:
        RegistryError: the person is not in the register, or has no home that is watched.
    """
    with reading(db) as connection:
        home, tables = _found(connection, person)
    scratch = open_store("sqlite:///:memory:", migrate=False)
    event.listen(scratch, "connect", _without_foreign_keys)  # old calls point at incidents that are not copied
    metadata.create_all(scratch)
    with scratch.begin() as connection:
        for table, rows in tables:
            if rows:
                connection.execute(insert(table), rows)
    return scratch, home


def put_home_state(
    scratch: Engine, home: str, live: Mapping[str, Any], now_ms: int, *, help_pressed: bool = False
) -> None:
    """Put the home of a copy into a state: what is known of its life, and devices that are proven alive from now on.

    Args:
        scratch: what `copy_of_register` gave.
        home: home id.
        live: columns of ``live_states``.
        now_ms: ms UTC.
        help_pressed: whether the help button is pressed at this moment.
    """
    with scratch.begin() as connection:
        gateway = connection.execute(select(homes.c.gateway).where(homes.c.id == home)).scalar_one()
        alive = {"online": True, "heartbeat_ms": now_ms + _SOON_MS, "proven_ms": now_ms + _SOON_MS}
        connection.execute(insert(gateways).values(gateway=gateway, **alive))
        connection.execute(insert(live_states).values(home_id=home, updated_ms=now_ms, **live))
        if help_pressed:
            pressed = replace(said_now(StatementKind.HELP, BUTTON, BUTTON, now_ms), home_id=home)
            connection.execute(insert(statements), asdict(pressed))


def _found(connection: Connection, person: str) -> tuple[str, list[tuple[Table, list[dict[str, Any]]]]]:
    home = connection.execute(select(homes).where(homes.c.person_id == person).order_by(homes.c.id)).first()
    if home is None:
        known = connection.execute(select(people.c.id).where(people.c.id == person)).first()
        what = "has no home that is watched" if known else "is not in the register; see mimamori people list"
        raise RegistryError(f"person '{person}' {what}")
    clients = select(homes.c.person_id).where(homes.c.organisation_id == home.organisation_id)
    theirs = relations.c.subject_id == person
    councils = (relations.c.role == "staff") & relations.c.subject_id.in_(clients)
    watching = select(relations.c.other_id).where(or_(theirs, councils))
    watched = select(relations.c.subject_id).where(or_(theirs, councils))

    def anybody(column: ColumnElement[str]) -> ColumnElement[bool]:
        return or_(column == person, column.in_(watching), column.in_(watched))

    return home.id, [
        (organisations, _rows(connection, select(organisations))),
        (people, _rows(connection, select(people).where(anybody(people.c.id)))),
        (homes, _rows(connection, select(homes).where(anybody(homes.c.person_id)))),
        (relations, _rows(connection, select(relations).where(or_(theirs, councils)))),
        (contact_methods, _rows(connection, select(contact_methods).where(anybody(contact_methods.c.person_id)))),
        (leaves, _rows(connection, select(leaves).where(anybody(leaves.c.person_id)))),
        (absences, _rows(connection, select(absences).where(absences.c.home_id == home.id))),
        (deliveries, [_past(row) for row in _rows(connection, _calls(watching))]),
    ]


def _calls(watching: Select[tuple[str]]) -> Select[Any]:
    counted = (deliveries.c.purpose == "call") & (deliveries.c.state != "cancelled")
    return select(deliveries).where(deliveries.c.person_id.in_(watching), counted)


def _rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _past(row: dict[str, Any]) -> dict[str, Any]:
    """An old call that nobody will send again, without its words."""
    settled = {"state": "accepted", "lease_owner": None, "lease_until_ms": None, "bundle_id": None}
    return row | settled | {"incident_id": PAST + row["incident_id"], "subject": "", "body": ""}


def _without_foreign_keys(connection: Any, _entry: object) -> None:  # noqa: ANN401 - whatever the driver gives
    connection.execute("PRAGMA foreign_keys=OFF")
