"""Who called 119 for the person of an incident, as staff are told: by name, never with a number."""

from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, select

from alerts.wording.catalogue import catalogue
from contracts.statements import StatementKind
from store.schema import people, statements


def caller_of(connection: Connection, incident_id: str, at_ms: int) -> str | None:
    """Person id of who first said, by ``at_ms`` (ms UTC), that they called 119; None: nobody did."""
    caller: str | None = connection.execute(_SAID_119, {"case_id": incident_id, "at_ms": at_ms}).scalar()
    return caller


def named(connection: Connection, caller: str | None, person: str, language: str, *, spoken: bool = False) -> str:
    """Who called 119 in the words of a message.

    Args:
        connection: for reading.
        caller: person id, see `caller_of`; None: nobody called.
        person: id of whom the incident is about.
        language: of the reader, ``ja`` or ``en``.
        spoken: whether it is read aloud: a Japanese name then by its kana.

    Returns:
        Empty where nobody called.
    """
    if caller is None:
        return ""
    words = catalogue(language)
    if caller == person:
        return words("caller.self")
    row = connection.execute(select(people.c.name, people.c.kana).where(people.c.id == caller)).first()
    if row is None:
        return words("caller.unknown")
    name: str = row.kana if spoken and words.language == "ja" and row.kana else row.name
    return words("caller.named", name=name)


def _said_119() -> Select[Any]:
    said = (statements.c.incident_id == bindparam("case_id")) & (statements.c.kind == StatementKind.CALLED_119)
    found = select(statements.c.said_by).where(said, statements.c.received_ms <= bindparam("at_ms"))
    return found.order_by(statements.c.at_ms, statements.c.n).limit(1)


_SAID_119: Final = _said_119()
