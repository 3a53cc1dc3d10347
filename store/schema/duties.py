"""What must never stop, when it last went well, and what went wrong in it. Written by: store.duties, store.trimming."""

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from store.schema.base import metadata

duties = Table(
    "duties",
    metadata,
    Column("name", Text, primary_key=True),  # a word of store.duties.Duty
    Column("owner", Text, nullable=False),  # the process that did it last
    Column("at_ms", BigInteger, nullable=False),  # when it last went through without an error, by that process's clock
    info={"writer": "store.duties"},
)

duty_errors = Table(
    "duty_errors",
    metadata,
    Column("name", Text, primary_key=True),  # a word of store.duties.Duty
    Column("errors", Integer, nullable=False),  # all there ever were: one for each thing that failed, each time
    Column("at_ms", BigInteger, nullable=False),  # of the last
    info={"writer": "store.duties"},
)

trimmings = Table(  # of old events: one row
    "trimmings",
    metadata,
    Column("n", Integer, primary_key=True),  # 1
    Column("at_ms", BigInteger, nullable=False),  # when it was last looked at, done or deferred
    Column("times_put_off", Integer, nullable=False),  # in a row
    info={"writer": "store.trimming"},
)
