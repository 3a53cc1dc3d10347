"""What must never stop, when it last went well, and what went wrong in it. Written by: store.duties, store.trimming."""

from sqlalchemy import BigInteger, Column, Integer, Text

from store.schema.base import written_by

table = written_by("store.duties")

duties = table(
    "duties",
    Column("name", Text, primary_key=True),  # a word of store.duties.Duty
    Column("owner", Text, nullable=False),  # the process that did it last
    Column("at_ms", BigInteger, nullable=False),  # when it last went through without an error, by that process's clock
)

duty_errors = table(
    "duty_errors",
    Column("name", Text, primary_key=True),  # a word of store.duties.Duty
    Column("errors", Integer, nullable=False),  # all there ever were: one for each thing that failed, each time
    Column("at_ms", BigInteger, nullable=False),  # of the last
)

trimmings = written_by("store.trimming")(  # of old events: one row
    "trimmings",
    Column("n", Integer, primary_key=True),  # 1
    Column("at_ms", BigInteger, nullable=False),  # when it was last looked at, done or deferred
    Column("times_put_off", Integer, nullable=False),  # in a row
)
