"""People, homes and the relations between them. Written by: store.register."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, Text

from store.schema.base import written_by

table = written_by("store.register")

organisations = table(
    "organisations",
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),  # council | hub | association
)

people = table(
    "people",
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),  # 姓 名
    Column("kana", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False, server_default="ja"),
    Column("zone", Text, nullable=False, server_default="Asia/Tokyo"),  # IANA time zone of the hours, and of the night
    Column("hours", Text, nullable=False, server_default=""),  # see store.register.hours; "": always
    Column("opt_out_ms", BigInteger),  # since when they are not contacted at all; null: they may be
)

leaves = table(  # a responder is away: not called, whatever the hours say
    "leaves",
    Column("id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.id"), nullable=False, index=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    CheckConstraint("to_ms > from_ms", name="ends_after_it_begins"),
)

homes = table(
    "homes",
    Column("id", Text, primary_key=True),
    Column("gateway", Text, nullable=False, unique=True),  # certificate common name, pseudonymous
    Column("person_id", Text, ForeignKey("people.id"), nullable=False, index=True),
    Column("organisation_id", Text, ForeignKey("organisations.id"), nullable=False),  # who owns its incidents
    Column("zone", Text, nullable=False, server_default="Asia/Tokyo"),  # IANA time zone of the rhythm
    Column("area", Text, nullable=False, server_default=""),
)

relations = table(
    "relations",
    Column("id", Text, primary_key=True),
    Column("subject_id", Text, ForeignKey("people.id"), nullable=False, index=True),  # the watched
    Column("other_id", Text, ForeignKey("people.id"), nullable=False, index=True),  # who watches
    Column("role", Text, nullable=False),  # neighbour | staff | hub_volunteer | family
    Column("purpose", Text, nullable=False, server_default=""),  # what the consent covers
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),  # null: until revoked
    CheckConstraint("to_ms IS NULL OR to_ms >= from_ms", name="ends_after_it_begins"),
)

contact_methods = table(
    "contact_methods",
    Column("id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.id"), nullable=False, index=True),
    Column("channel", Text, nullable=False),  # name of a channel: console, outbox, line, sms, voice, home, email
    Column("address", Text, nullable=False),  # secret: never logged
    Column("rank", Integer, nullable=False, server_default="0"),  # lower is tried first
    Column("verified_ms", BigInteger),  # when a message was proven to reach the person; null: not yet, tried last
    Column("last_ok_ms", BigInteger),  # when a channel last accepted a message to it
    Column("disabled_reason", Text),
)

absences = table(
    "absences",
    Column("id", Text, primary_key=True),
    Column("home_id", Text, ForeignKey("homes.id"), nullable=False, index=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    CheckConstraint("to_ms > from_ms", name="ends_after_it_begins"),
)
