"""Insert-or-update in one statement, the same on SQLite and PostgreSQL."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def put_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, all with the same columns; where the primary key is there already, change the others."""
    if rows:
        connection.execute(_upsert(connection.dialect.name, table, tuple(rows[0])), rows)


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, all with the same columns; those that are there already stay as they are."""
    if rows:
        connection.execute(_insert(connection.dialect.name, table).on_conflict_do_nothing(), rows)


def add_once(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert the row; False: one with its key is there already, and stays as it is.

    Where another transaction has just inserted that key, this waits until it has ended.
    """
    new = _insert(connection.dialect.name, table).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(new, row).first() is not None


@cache  # building a statement takes as long as running it; tables and their columns are few
def _upsert(dialect: str, table: Table, columns: tuple[str, ...]) -> Any:  # noqa: ANN401 - as below
    statement = _insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    changes = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


def _insert(dialect: str, table: Table) -> Any:  # noqa: ANN401 - two dialects' inserts without a common type
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)
