"""What the homes sent and what it means. Written by: ingest."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
)

from store.schema.base import written_by

table = written_by("ingest")

cursors = table(  # how far each outbox has been stored: the idempotency state of (gw, e, n)
    "cursors",
    Column("gateway", Text, primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("upto", BigInteger, nullable=False),  # highest number stored
    Column("missing", JSON, nullable=False),  # [[first, last], …] below upto, not stored, may still come
    Column("gone", BigInteger, nullable=False, server_default="0"),  # numbers the device gave up: never coming
    Column("events", BigInteger, nullable=False, server_default="0"),  # stored in the time series
    Column("quarantined", BigInteger, nullable=False, server_default="0"),
    Column("updated_ms", BigInteger, nullable=False),
)

gateways = table(  # are the devices alive?
    "gateways",
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
)

sensors = table(
    "sensors",
    Column("gateway", Text, primary_key=True),
    Column("sensor", Text, primary_key=True),
    Column("role", Text, nullable=False, server_default="object"),
    Column("room", Text, nullable=False, server_default=""),
    Column("seen_ms", BigInteger),
    Column("battery_pct", Float),
    Column("link", Integer),
    Column("trouble", Text),  # null: well; else a word such as silent, battery, cannot_tell
)

live_states = table(  # the deadline row: one a home
    "live_states",
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    # Since when the home is watched: written once, with the row. A home never seen has its deadline from here.
    Column("watched_from_ms", BigInteger),
    Column("last_event_ms", BigInteger),
    Column("last_sign_ms", BigInteger),  # last sign of life
    Column("last_sensor", Text),
    Column("last_kind", Text),  # what the rhythm was told of it: motion | door | item | power
    Column("context", Integer),  # index into the deadline table
    Column("ask_at_ms", BigInteger, index=True),  # null: never
    Column("call_at_ms", BigInteger),
    Column("ready", Boolean, nullable=False, server_default="0"),
    Column("reason_ja", Text, nullable=False, server_default=""),
    Column("reason_en", Text, nullable=False, server_default=""),
    Column("updated_ms", BigInteger, nullable=False),
)

rhythms = table(  # what was learned, renewed once a night
    "rhythms",
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("learned_upto_ms", BigInteger, nullable=False),  # events before this are in the model
    Column("model", LargeBinary, nullable=False),  # anomaly.Rhythm
    Column("table", LargeBinary, nullable=False),  # anomaly.DeadlineTable in force, <= 2 KB
    # A silence had outlasted its ask deadline when the home learned: the sign of life that ends it brings a new table.
    Column("held", Boolean, nullable=False, server_default="0"),
    Column("relearn", Boolean, nullable=False, server_default="0"),  # back-filled events came from before learned_upto
)

meters = table(  # what the meters of a home have learned, as of rhythms.learned_upto_ms; written in its transaction
    "meters",
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("sensor", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # power | energy
    Column("upto_ms", BigInteger, nullable=False),  # readings before this are in the state
    Column("state", LargeBinary, nullable=False),  # ingest.learning.meters.Meter, some 40 kB
)

lapses = table(  # silences that outlasted a deadline, as far as events tell afterwards; pages no one
    "lapses",
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # ask | call
    Column("since_ms", BigInteger, primary_key=True),  # last sign of life before the silence
    Column("due_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),
    Column("reason_ja", Text, nullable=False),
    Column("reason_en", Text, nullable=False),
    Column("backfilled", Boolean, nullable=False),
)

diaries = table(  # a summary of each home's last 90 days, from which notes are made; renewed once an hour
    "diaries",
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("upto_ms", BigInteger, nullable=False),  # events before this are in the diary
    Column("state", LargeBinary, nullable=False),  # anomaly.Noticer
    Column("rewrite", Boolean, nullable=False, server_default="0"),  # late events came from before upto_ms
)

notes = table(  # what was noticed besides silence
    "notes",
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # anomaly.NoteKind
    Column("since_ms", BigInteger, primary_key=True),  # what it dates from
    Column("at_ms", BigInteger, nullable=False),  # when it was noticed
    # When it was last seen to hold; looked at once an hour. What holds now may call somebody: read at every tick.
    Column("held_ms", BigInteger, nullable=False, index=True),
    Column("score", Float, nullable=False),  # 1 is at the home's own limit
    Column("reason_ja", Text, nullable=False),
    Column("reason_en", Text, nullable=False),
    Column("evidence", JSON, nullable=False),
    Index(None, "home_id", "at_ms"),
)

quarantine = table(
    "quarantine",
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
)
