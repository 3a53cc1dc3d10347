"""Rows of the register, read and changed in one transaction, each change with its audit line.

Every part of the registry works with these; which changes are right is for the parts to say.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection, Table, and_, delete, insert, select, update

from store.audit_codes import RegisterChange
from store.register import checks
from store.register.checks import RegistryError
from store.schema import audit, homes

Param: TypeAlias = str | int | Sequence[str]
"""What an audit line may say: codes, ids, names of columns, numbers; nothing personal."""


class Editor:
    """Changes of the register inside one transaction.

    Every method raises `RegistryError` when it refuses. Ids are random unless given; they are pseudonymous.

    Args:
        connection: an open transaction.
        actor: person id, or the part that acts; stands in the audit lines.
        now_ms: when, ms UTC; stands in the audit lines.
    """

    def __init__(self, connection: Connection, actor: str, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = checks.moment(now_ms, "now_ms")
        self._actor = checks.identifier(actor, "actor")

    def _row(self, table: Table, key: str) -> Mapping[str, Any] | None:
        """The row with this id; None when there is none. Raises RegistryError for what can be no id."""
        checks.identifier(key, _thing(table))
        row = self._connection.execute(select(table).where(table.c.id == key)).mappings().first()
        return None if row is None else dict(row)

    def _existing(self, table: Table, key: str) -> Mapping[str, Any]:
        """The row with this id. Raises RegistryError when there is none."""
        row = self._row(table, key)
        if row is None:
            raise RegistryError(f"{_thing(table)} '{key}' is not in the register; add it first")
        return row

    def _checked(self, table: Table, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - a file may hold anything
        """Columns of a row, each as `store.register.checks.OF_COLUMNS` gives it back.

        Raises:
            RegistryError: a value may not stand there, a row that it points at is missing, or the time that the row
                tells of ends before it begins.
        """
        thing = _thing(table, "_")
        row: dict[str, Any] = {}
        for name, value in values.items():
            column = table.c[name]
            for reference in column.foreign_keys:
                self._existing(reference.column.table, value)
            is_free = column.foreign_keys or (value is None and column.nullable)
            row[name] = value if is_free else checks.OF_COLUMNS[name](value, f"{thing}.{name}")
        if row.get("to_ms") is not None and row["to_ms"] <= row["from_ms"]:
            raise RegistryError(f"{thing}: it ends before it begins or at once; to_ms must be later than from_ms")
        return row

    def _find(self, table: Table, values: Mapping[str, Any]) -> str | None:
        """The id of a row with these values; None when there is none."""
        same = and_(*(table.c[name] == value for name, value in values.items()))
        return self._connection.execute(select(table.c.id).where(same)).scalars().first()

    def _add_row(self, table: Table, key: str | None, values: Mapping[str, Any]) -> str:
        """Add a row and give its id, a random one when None. Raises RegistryError when the id is taken."""
        key = random_id() if key is None else key
        if self._row(table, key) is not None:
            raise RegistryError(f"{_thing(table)} '{key}' is in the register already; choose another id")
        self._connection.execute(insert(table).values(id=key, **values))
        self._audit(table, key, "added", values)
        return key

    def _put_row(self, table: Table, key: str, values: Mapping[str, Any]) -> str:
        """Add the row, or bring it up to date: ``added``, ``changed`` or ``same``."""
        known = self._row(table, key)
        if known is None:
            self._add_row(table, key, values)
            return "added"
        different = {name: value for name, value in values.items() if known[name] != value}
        if not different:
            return "same"
        self._change_row(table, key, different, "changed", columns=sorted(different))
        return "changed"

    def _change_row(self, table: Table, key: str, values: Mapping[str, Any], done: str, **params: Param) -> None:
        """Change a row that is there.

        Args:
            table: which.
            key: id of the row.
            values: the new ones, by column.
            done: with the name of the table a code of `store.audit_codes.RegisterChange`.
            params: what the audit line says besides the id.
        """
        self._connection.execute(update(table).where(table.c.id == key).values(**values))
        self._audit(table, key, done, self._existing(table, key), **params)

    def _remove_row(self, table: Table, key: str, done: str) -> None:
        """Remove a row that is there; ``done`` as in `_change_row`."""
        row = self._existing(table, key)
        self._connection.execute(delete(table).where(table.c.id == key))
        self._audit(table, key, done, row)

    def _audit(self, table: Table, key: str, done: str, row: Mapping[str, Any], **params: Param) -> None:
        self._connection.execute(
            insert(audit).values(
                at_ms=self._now_ms,
                actor=self._actor,
                home_id=key if table is homes else row.get("home_id"),
                what=RegisterChange(f"{_thing(table, '_')}_{done}"),
                params={"id": key, **params},
            )
        )


def _thing(table: Table, between: str = " ") -> str:
    """What a row of the table is called."""
    singular = "person" if table.name == "people" else table.name.removesuffix("s")
    return singular.replace("_", between)


def random_id() -> str:
    """An id that says nothing."""
    return uuid.uuid4().hex
