"""The one writer of organisations, people, homes, relations, contact methods, absences and leaves.

::

    with edit(engine, actor="import", now_ms=now_ms) as registry:
        person = registry.add_person("山田 花子")
        home = registry.add_home(person, organisation, gateway="01J…")

Everything inside one ``with`` is one transaction, with an audit line for each change: all of it holds, or nothing.
A part that already has a transaction open makes a `Registry` on its connection.
"""

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, update
from sqlalchemy.exc import IntegrityError

from store.register.absences import AbsencesEditor
from store.register.checks import RegistryError
from store.register.contacts import ContactsEditor
from store.register.people import PeopleEditor
from store.schema import contact_methods

__all__ = ["Registry", "RegistryError", "edit", "note_contact_ok"]


@contextlib.contextmanager
def edit(engine: Engine, *, actor: str, now_ms: int) -> "Iterator[Registry]":
    """A `Registry` in a transaction of its own: committed at the end, undone by an exception.

    Raises:
        RegistryError: a change was refused, or somebody else made a conflicting one at the same moment.
    """
    try:
        with engine.begin() as connection:
            yield Registry(connection, actor, now_ms)
    except IntegrityError:  # its text would repeat the row, which is personal
        raise RegistryError("the register was changed by somebody else at the same moment; try again") from None


def note_contact_ok(connection: Connection, method: str, at_ms: int) -> None:
    """Write down that a channel accepted a message to this contact method at ``at_ms`` (ms UTC).

    No change of the register, so without an audit line: the message is recorded where it was sent.
    """
    this = contact_methods.c.id == method
    connection.execute(update(contact_methods).where(this).values(last_ok_ms=at_ms))


class Registry(PeopleEditor, ContactsEditor, AbsencesEditor):
    """Every change of the register inside one transaction, see `Editor`."""
