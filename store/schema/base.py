"""What all the tables belong to, how their indices and constraints are named, and who may write at all."""

from collections.abc import Callable
from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, Table, Text
from sqlalchemy.schema import SchemaItem

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def written_by(writer: str) -> Callable[[str, *tuple[SchemaItem, ...]], Table]:
    """Makes tables, from a name, columns and constraints, that one part writes and everybody may read."""

    def table(name: str, *items: SchemaItem) -> Table:
        return Table(name, metadata, *items, info={"writer": writer})

    return table


leases = written_by("store.lease")(  # roles that one process at a time may play
    "leases",
    Column("name", Text, primary_key=True),  # ingest
    Column("owner", Text, nullable=False),  # a random word for one run of a process; compare and set
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("boot", Text, nullable=False),  # store.lease.Process: to see on one machine whether it still runs
    Column("began", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),  # from then on another process may try; renewed long before
)
