"""The ledger of what was said. Written by: ingest (what is pressed in the home) and alerts (all else)."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Text

from contracts.statements import StatementKind
from store.schema.base import written_by

statements = written_by("ingest, alerts")(  # append only; columns as contracts.statements.Statement explains them
    "statements",
    Column("n", Integer, primary_key=True),  # in the order of writing
    Column("key", Text, nullable=False, unique=True),  # the same statement twice is one row
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),  # from when it counts: the order among statements
    Column("said_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("home_id", Text, ForeignKey("homes.id")),  # null: about an area, or nobody's home
    Column("person_id", Text, ForeignKey("people.id")),  # whom it is about
    Column("said_by", Text, ForeignKey("people.id"), index=True),
    Column("incident_id", Text, ForeignKey("incidents.id"), index=True),
    Column("delivery_id", Text, ForeignKey("deliveries.id")),  # the message that it answers
    Column("epoch", Integer, nullable=False, server_default="0"),  # of that message, or of the incident
    Column("outcome", Text),  # of closed
    Column("note", Text, nullable=False, server_default=""),  # free words, personal
    CheckConstraint("kind IN ('" + "','".join(StatementKind) + "')", name="kind_known"),
    CheckConstraint("(kind = 'closed') = (outcome IS NOT NULL)", name="closed_has_an_outcome"),
    Index(None, "home_id", "kind", "at_ms"),
)
