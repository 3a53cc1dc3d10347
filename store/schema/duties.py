"""What must never stop, and when it last went well. Written by: store.duties."""

from sqlalchemy import BigInteger, Column, Table, Text

from store.schema.base import metadata

duties = Table(
    "duties",
    metadata,
    Column("name", Text, primary_key=True),  # a word of store.duties.Duty
    Column("owner", Text, nullable=False),  # the process that did it last
    Column("at_ms", BigInteger, nullable=False),  # when it last went through without an error, by that process's clock
    info={"writer": "store.duties"},
)
