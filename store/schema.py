"""The relational schema. Each table names the one part that writes it (``info``); everybody may read.

``audit`` is written by every part, which appends a line in the transaction of its change and alters none.
``store.retention`` removes what is too old or to be forgotten, wherever it stands.

Times are whole milliseconds since 1970 UTC (``…_ms``). Names, addresses and phone numbers stand in ``people`` and
``contact_methods``, a name also in the text of a message that went out (``deliveries``) and in what a person wrote in a
``note``; every other column, the wire and the time-series store know pseudonymous ids.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# ---- People, homes and the relations between them. Written by: store.registry ----------------------------------------

organisations = Table(
    "organisations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),  # council | hub | association
    info={"writer": "store.registry"},
)

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),  # 姓 名
    Column("kana", Text, nullable=False, server_default=""),
    Column("language", Text, nullable=False, server_default="ja"),
    info={"writer": "store.registry"},
)

homes = Table(
    "homes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("gateway", Text, nullable=False, unique=True),  # certificate common name, pseudonymous
    Column("person_id", Text, ForeignKey("people.id"), nullable=False),
    Column("organisation_id", Text, ForeignKey("organisations.id"), nullable=False),  # who owns its cases
    Column("zone", Text, nullable=False, server_default="Asia/Tokyo"),  # IANA time zone of the rhythm
    Column("area", Text, nullable=False, server_default=""),
    info={"writer": "store.registry"},
)

relations = Table(
    "relations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("subject_id", Text, ForeignKey("people.id"), nullable=False),  # the watched
    Column("other_id", Text, ForeignKey("people.id"), nullable=False),  # who watches
    Column("role", Text, nullable=False),  # neighbour | staff | hub_volunteer | family
    Column("purpose", Text, nullable=False, server_default=""),  # what the consent covers
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger),  # null: until revoked
    CheckConstraint("to_ms IS NULL OR to_ms >= from_ms", name="ends_after_it_begins"),
    Index(None, "subject_id"),
    info={"writer": "store.registry"},
)

contact_methods = Table(
    "contact_methods",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.id"), nullable=False),
    Column("channel", Text, nullable=False),  # name of a channel: console, outbox, line, sms, voice, home, email
    Column("address", Text, nullable=False),  # secret: never logged
    Column("rank", Integer, nullable=False, server_default="0"),  # lower is tried first
    Column("verified_ms", BigInteger),
    Column("disabled_reason", Text),
    Index(None, "person_id"),
    info={"writer": "store.registry"},
)

absences = Table(
    "absences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("home_id", Text, ForeignKey("homes.id"), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    CheckConstraint("to_ms > from_ms", name="ends_after_it_begins"),
    Index(None, "home_id"),
    info={"writer": "store.registry"},
)

# ---- What the homes sent and what it means. Written by: ingest -------------------------------------------------------

cursors = Table(  # how far each outbox has been stored: the idempotency state of (gw, e, n)
    "cursors",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("upto", BigInteger, nullable=False),  # highest number stored
    Column("missing", JSON, nullable=False),  # [[first, last], …] below upto, not stored, may still come
    Column("gone", BigInteger, nullable=False, server_default="0"),  # numbers the device gave up: never coming
    Column("events", BigInteger, nullable=False, server_default="0"),  # stored in the time series
    Column("quarantined", BigInteger, nullable=False, server_default="0"),
    Column("updated_ms", BigInteger, nullable=False),
    info={"writer": "ingest"},
)

gateways = Table(  # are the devices alive?
    "gateways",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("online", Boolean, nullable=False, server_default="0"),
    Column("boot", BigInteger),
    Column("heartbeat_ms", BigInteger),  # arrival of the last heartbeat
    # Arrival of the last heartbeat with an empty backlog and its sensors seen. The home is provably silent at `now` iff
    # proven_ms >= live_states.last_sign_ms and now - proven_ms <= contracts.health.PROOF_VALID_S; else it is unknown.
    Column("proven_ms", BigInteger),
    Column("backlog", BigInteger, nullable=False, server_default="0"),
    Column("thinned", BigInteger, nullable=False, server_default="0"),
    Column("clock_quality", Integer),
    Column("disk_free_mb", BigInteger),
    Column("agent", Text),
    info={"writer": "ingest"},
)

sensors = Table(
    "sensors",
    metadata,
    Column("gateway", Text, primary_key=True),
    Column("sensor", Text, primary_key=True),
    Column("role", Text, nullable=False, server_default="object"),
    Column("room", Text, nullable=False, server_default=""),
    Column("seen_ms", BigInteger),
    Column("battery_pct", Float),
    Column("link", Integer),
    Column("trouble", Text),  # null: well; else a word such as silent, battery, cannot_tell
    info={"writer": "ingest"},
)

live_states = Table(  # the deadline row: one a home
    "live_states",
    metadata,
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    # Since when the home is watched: written once, with the row. A home never heard of has its deadline from here.
    Column("watched_from_ms", BigInteger),
    Column("last_event_ms", BigInteger),
    Column("last_sign_ms", BigInteger),  # last sign of life
    Column("last_sensor", Text),
    Column("context", Integer),  # index into the deadline table
    Column("ask_at_ms", BigInteger),  # null: never
    Column("call_at_ms", BigInteger),
    Column("ready", Boolean, nullable=False, server_default="0"),
    Column("reason_ja", Text, nullable=False, server_default=""),
    Column("reason_en", Text, nullable=False, server_default=""),
    Column("help_ms", BigInteger),  # last press of the help button
    Column("ok_ms", BigInteger),  # last press of "I am all right"
    Column("updated_ms", BigInteger, nullable=False),
    Index(None, "ask_at_ms"),
    info={"writer": "ingest"},
)

rhythms = Table(  # what was learned, renewed once a night
    "rhythms",
    metadata,
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("learned_upto_ms", BigInteger, nullable=False),  # events before this are in the model
    Column("model", LargeBinary, nullable=False),  # anomaly.Rhythm
    Column("table", LargeBinary, nullable=False),  # anomaly.DeadlineTable, <= 2 KB
    Column("relearn", Boolean, nullable=False, server_default="0"),  # back-filled events came from before learned_upto
    info={"writer": "ingest"},
)

meters = Table(  # what the meters of a home have learned, as of rhythms.learned_upto_ms; written in its transaction
    "meters",
    metadata,
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("sensor", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # power | energy
    Column("upto_ms", BigInteger, nullable=False),  # readings before this are in the state
    Column("state", LargeBinary, nullable=False),  # ingest.meters.Meter, some 40 kB
    info={"writer": "ingest"},
)

lapses = Table(  # silences that outlasted a deadline, as far as events tell afterwards; pages no one
    "lapses",
    metadata,
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # ask | call
    Column("since_ms", BigInteger, primary_key=True),  # last sign of life before the silence
    Column("due_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),
    Column("reason_ja", Text, nullable=False),
    Column("reason_en", Text, nullable=False),
    Column("backfilled", Boolean, nullable=False),
    info={"writer": "ingest"},
)

diaries = Table(  # a summary of each home's last 90 days, from which notes are made; renewed once an hour
    "diaries",
    metadata,
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("upto_ms", BigInteger, nullable=False),  # events before this are in the diary
    Column("state", LargeBinary, nullable=False),  # anomaly.Noticer
    Column("rewrite", Boolean, nullable=False, server_default="0"),  # late events came from before upto_ms
    info={"writer": "ingest"},
)

notes = Table(  # what was noticed besides silence
    "notes",
    metadata,
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # anomaly.NoteKind
    Column("since_ms", BigInteger, primary_key=True),  # what it dates from
    Column("at_ms", BigInteger, nullable=False),  # when it was noticed
    Column("score", Float, nullable=False),  # 1 is at the home's own limit
    Column("reason_ja", Text, nullable=False),
    Column("reason_en", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Index(None, "home_id", "at_ms"),
    info={"writer": "ingest"},
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("received_ms", BigInteger, nullable=False),
    Column("gateway", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("reason", Text, nullable=False),  # contracts.errors reason, or clock, unknown_gateway
    Column("detail", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # cut at 64 KiB
    # For one event of a readable batch: its key, so that a resend is not quarantined twice.
    Column("epoch", Text),
    Column("n", BigInteger),
    UniqueConstraint("gateway", "epoch", "n"),
    info={"writer": "ingest"},
)

# ---- Cases of worry. Written by: alerts ------------------------------------------------------------------------------

INCIDENT_STATES: Final = ("notifying", "claimed", "emergency", "staff_attention", "deferred", "resolved", "cancelled")
TERMINAL_STATES: Final = ("resolved", "cancelled")

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dedup_key", Text, nullable=False, unique=True),
    Column("home_id", Text, ForeignKey("homes.id"), nullable=False),
    Column("person_id", Text, ForeignKey("people.id"), nullable=False),
    Column("organisation_id", Text, ForeignKey("organisations.id"), nullable=False),  # who owns the case now
    Column("kind", Text, nullable=False),  # contracts.signals.SignalKind
    Column("state", Text, nullable=False),
    Column("epoch", Integer, nullable=False),  # grows with every step; judges stale answers
    Column("step", Integer, nullable=False),  # index into the policy
    Column("repeat", Integer, nullable=False),
    Column("policy", JSON, nullable=False),  # snapshot: an edit does not change a running incident
    Column("since_ms", BigInteger, nullable=False),  # last sign of life, or the press
    Column("reason_ja", Text, nullable=False),
    Column("reason_en", Text, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("call_at_ms", BigInteger),  # from then on help is called for a person who cannot be asked
    Column("asked_ms", BigInteger),
    Column("called_ms", BigInteger),
    Column("council_ms", BigInteger),
    Column("closed_ms", BigInteger),
    Column("outcome", Text),
    Column("outcome_by", Text),  # person id, or "movement"
    Column("next_due_ms", BigInteger),
    Column("version", Integer, nullable=False),  # compare and set
    CheckConstraint("state IN ('" + "','".join(INCIDENT_STATES) + "')", name="state_known"),
    CheckConstraint(
        "state IN ('resolved','cancelled') OR next_due_ms IS NOT NULL", name="open_incident_has_a_due_timer"
    ),
    CheckConstraint("state NOT IN ('resolved','cancelled') OR outcome IS NOT NULL", name="closed_incident_has_outcome"),
    Index(None, "state", "next_due_ms"),
    Index(None, "home_id"),
    info={"writer": "alerts"},
)

DELIVERY_STATES: Final = (
    "pending",
    "sending",
    "accepted",
    "delivered",
    "read",
    "retry_wait",
    "unknown",
    "failed",
    "cancelled",
    "expired",
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),  # UUID: the vendor's retry key
    Column("incident_id", Text, ForeignKey("incidents.id"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("person_id", Text, ForeignKey("people.id"), nullable=False),
    Column("contact_method_id", Text, ForeignKey("contact_methods.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),  # ask | call | staff | news
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("failure", Text),  # a word of alerts.errors, when failed
    Column("due_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until_ms", BigInteger),
    Column("created_ms", BigInteger, nullable=False),
    Column("settled_ms", BigInteger),
    CheckConstraint("state IN ('" + "','".join(DELIVERY_STATES) + "')", name="state_known"),
    CheckConstraint("state <> 'sending' OR lease_until_ms IS NOT NULL", name="sending_has_a_lease"),
    UniqueConstraint("incident_id", "epoch", "step", "repeat", "contact_method_id", "purpose"),
    Index(None, "state", "due_ms"),
    Index(None, "person_id"),  # fair rotation: who was asked how often
    info={"writer": "alerts"},
)

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", Text, ForeignKey("deliveries.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("outcome", Text),  # null while under way; ok | retry | permanent | ambiguous | quota
    Column("vendor_id", Text),
    Column("detail", Text, nullable=False, server_default=""),
    info={"writer": "alerts"},
)

responses = Table(
    "responses",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident_id", Text, ForeignKey("incidents.id"), nullable=False),
    Column("person_id", Text, ForeignKey("people.id"), nullable=False),
    Column("kind", Text, nullable=False),  # going | safe | cannot | called_119 | closed | phoned
    Column("channel", Text, nullable=False),
    Column("vendor_event_id", Text, unique=True),  # a webhook delivered twice counts once
    Column("epoch", Integer, nullable=False),  # of the message that was answered
    Column("at_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Index(None, "incident_id"),
    info={"writer": "alerts"},
)

claims = Table(  # "going": a lease with an arrival time
    "claims",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident_id", Text, ForeignKey("incidents.id"), nullable=False),
    Column("person_id", Text, ForeignKey("people.id"), nullable=False),
    Column("claimed_ms", BigInteger, nullable=False),
    Column("eta_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("extensions", Integer, nullable=False, server_default="0"),
    Column("ended_ms", BigInteger),
    Column("ended_by", Text),  # safe | cannot | lapsed | closed
    Index(None, "incident_id"),
    info={"writer": "alerts"},
)

audit = Table(  # append only, in the same transaction as the change
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),  # person id, or the part that acted
    Column("channel", Text, nullable=False, server_default=""),
    Column("incident_id", Text),
    Column("home_id", Text),
    Column("what", Text, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text),
    Column("reason", Text, nullable=False, server_default=""),
    Index(None, "incident_id"),
    info={"writer": "every part"},
)
