"""The first schema

Revision ID: 0001
Revises:
"""

from alembic import op
import sqlalchemy as sa

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Constraints and indices are named as the naming convention of `store.schema` says."""
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("boot", sa.Text, nullable=False),
        sa.Column("began", sa.Text, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False, server_default=""),
        sa.Column("incident_id", sa.Text, index=True),
        sa.Column("home_id", sa.Text),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("from_state", sa.Text),
        sa.Column("to_state", sa.Text),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "cursors",
        sa.Column("gateway", sa.Text, primary_key=True),
        sa.Column("epoch", sa.Text, primary_key=True),
        sa.Column("upto", sa.BigInteger, nullable=False),
        sa.Column("missing", sa.JSON, nullable=False),
        sa.Column("gone", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("events", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("quarantined", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "duties",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "duty_errors",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("errors", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "gateways",
        sa.Column("gateway", sa.Text, primary_key=True),
        sa.Column("online", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("boot", sa.BigInteger),
        sa.Column("heartbeat_ms", sa.BigInteger),
        sa.Column("proven_ms", sa.BigInteger),
        sa.Column("backlog", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("thinned", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("clock_quality", sa.Integer),
        sa.Column("disk_free_mb", sa.BigInteger),
        sa.Column("agent", sa.Text),
    )
    op.create_table(
        "organisations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
    )
    op.create_table(
        "people",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kana", sa.Text, nullable=False, server_default=""),
        sa.Column("language", sa.Text, nullable=False, server_default="ja"),
        sa.Column("zone", sa.Text, nullable=False, server_default="Asia/Tokyo"),
        sa.Column("hours", sa.Text, nullable=False, server_default=""),
        sa.Column("opt_out_ms", sa.BigInteger),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("gateway", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("epoch", sa.Text),
        sa.Column("n", sa.BigInteger),
        sa.UniqueConstraint("gateway", "epoch", "n"),
    )
    op.create_table(
        "sensors",
        sa.Column("gateway", sa.Text, primary_key=True),
        sa.Column("sensor", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, nullable=False, server_default="object"),
        sa.Column("room", sa.Text, nullable=False, server_default=""),
        sa.Column("seen_ms", sa.BigInteger),
        sa.Column("battery_pct", sa.Float),
        sa.Column("link", sa.Integer),
        sa.Column("trouble", sa.Text),
    )
    op.create_table(
        "contact_methods",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("person_id", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False, server_default="0"),
        sa.Column("verified_ms", sa.BigInteger),
        sa.Column("last_ok_ms", sa.BigInteger),
        sa.Column("disabled_reason", sa.Text),
    )
    op.create_table(
        "leaves",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("person_id", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("to_ms", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.CheckConstraint("to_ms > from_ms", name="ends_after_it_begins"),
    )
    op.create_table(
        "test_sends",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("contact_method_id", sa.Text, sa.ForeignKey("contact_methods.id"), nullable=False, index=True),
        sa.Column("code_digest", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("vendor_id", sa.Text),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("wrong_codes", sa.Integer, nullable=False, server_default="0"),
        sa.Column("confirmed_ms", sa.BigInteger),
    )
    op.create_table(
        "homes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("gateway", sa.Text, nullable=False, unique=True),
        sa.Column("person_id", sa.Text, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("organisation_id", sa.Text, sa.ForeignKey("organisations.id"), nullable=False),
        sa.Column("zone", sa.Text, nullable=False, server_default="Asia/Tokyo"),
        sa.Column("area", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "relations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("subject_id", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True),
        sa.Column("other_id", sa.Text, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False, server_default=""),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("to_ms", sa.BigInteger),
        sa.CheckConstraint("to_ms IS NULL OR to_ms >= from_ms", name="ends_after_it_begins"),
    )
    op.create_table(
        "ask_budgets",
        sa.Column("home_id", sa.Text, sa.ForeignKey("homes.id"), primary_key=True),
        sa.Column("ask_every_days", sa.Integer, nullable=False),
        sa.Column("answered", sa.Integer, nullable=False),
        sa.Column("unanswered", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "absences",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("home_id", sa.Text, sa.ForeignKey("homes.id"), nullable=False, index=True),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("to_ms", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
        sa.CheckConstraint("to_ms > from_ms", name="ends_after_it_begins"),
    )
    op.create_table(
        "diaries",
        sa.Column("home_id", sa.Text, sa.ForeignKey("homes.id"), primary_key=True),
        sa.Column("upto_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.Column("rewrite", sa.Boolean, nullable=False, server_default="0"),
    )
    op.create_table(
        "notes",
        sa.Column("home_id", sa.Text, sa.ForeignKey("homes.id"), primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("since_ms", sa.BigInteger, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("held_ms", sa.BigInteger, nullable=False, index=True),
        sa.Column("score", sa.Float, nullable=False),
        sa.Column("reason_ja", sa.Text, nullable=False),
        sa.Column("reason_en", sa.Text, nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Index(None, "home_id", "at_ms"),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("dedup_key", sa.Text, nullable=False, unique=True),
        sa.Column("home_id", sa.Text, sa.ForeignKey("homes.id"), index=True),
        sa.Column("person_id", sa.Text, sa.ForeignKey("people.id")),
        sa.Column("organisation_id", sa.Text, sa.ForeignKey("organisations.id"), nullable=False),
        sa.Column("area", sa.Text),
        sa.Column("group_id", sa.Text, sa.ForeignKey("incidents.id"), index=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("repeat", sa.Integer, nullable=False),
        sa.Column("policy", sa.JSON, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("reason_ja", sa.Text, nullable=False),
        sa.Column("reason_en", sa.Text, nullable=False),
        sa.Column("opened_ms", sa.BigInteger, nullable=False),
        sa.Column("call_at_ms", sa.BigInteger),
        sa.Column("asked_ms", sa.BigInteger),
        sa.Column("called_ms", sa.BigInteger),
        sa.Column("council_ms", sa.BigInteger),
        sa.Column("closed_ms", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.Column("outcome_by", sa.Text),
        sa.Column("next_due_ms", sa.BigInteger),
        sa.Column("version", sa.Integer, nullable=False),
        sa.CheckConstraint(
            "state IN ('notifying','claimed','emergency','staff_attention','deferred','resolved','cancelled')",
            name="state_known",
        ),
        sa.CheckConstraint(
            "state IN ('resolved','cancelled') OR next_due_ms IS NOT NULL", name="open_incident_has_a_due_timer"
        ),
        sa.CheckConstraint(
            "state NOT IN ('resolved','cancelled') OR outcome IS NOT NULL", name="closed_incident_has_outcome"
        ),
        sa.CheckConstraint(
            "(home_id IS NOT NULL AND person_id IS NOT NULL) OR area IS NOT NULL", name="about_a_home_or_an_area"
        ),
        sa.Index(None, "state", "next_due_ms"),
    )
    op.create_table(
        "lapses",
        sa.Column("home_id", sa.Text, sa.ForeignKey("homes.id"), primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("since_ms", sa.BigInteger, primary_key=True),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger, nullable=False),
        sa.Column("reason_ja", sa.Text, nullable=False),
        sa.Column("reason_en", sa.Text, nullable=False),
        sa.Column("backfilled", sa.Boolean, nullable=False),
    )
    op.create_table(
        "live_states",
        sa.Column("home_id", sa.Text, sa.ForeignKey("homes.id"), primary_key=True),
        sa.Column("watched_from_ms", sa.BigInteger),
        sa.Column("last_event_ms", sa.BigInteger),
        sa.Column("last_sign_ms", sa.BigInteger),
        sa.Column("last_sensor", sa.Text),
        sa.Column("last_kind", sa.Text),
        sa.Column("context", sa.Integer),
        sa.Column("ask_at_ms", sa.BigInteger, index=True),
        sa.Column("call_at_ms", sa.BigInteger),
        sa.Column("ready", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("reason_ja", sa.Text, nullable=False, server_default=""),
        sa.Column("reason_en", sa.Text, nullable=False, server_default=""),
        sa.Column("help_ms", sa.BigInteger),
        sa.Column("ok_ms", sa.BigInteger),
        sa.Column("updated_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rhythms",
        sa.Column("home_id", sa.Text, sa.ForeignKey("homes.id"), primary_key=True),
        sa.Column("learned_upto_ms", sa.BigInteger, nullable=False),
        sa.Column("model", sa.LargeBinary, nullable=False),
        sa.Column("table", sa.LargeBinary, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False, server_default="0"),
        sa.Column("relearn", sa.Boolean, nullable=False, server_default="0"),
    )
    op.create_table(
        "meters",
        sa.Column("home_id", sa.Text, sa.ForeignKey("homes.id"), primary_key=True),
        sa.Column("sensor", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("upto_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "claims",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("incident_id", sa.Text, sa.ForeignKey("incidents.id"), nullable=False, index=True),
        sa.Column("person_id", sa.Text, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("claimed_ms", sa.BigInteger, nullable=False),
        sa.Column("eta_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("extensions", sa.Integer, nullable=False, server_default="0"),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("ended_by", sa.Text),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("incident_id", sa.Text, sa.ForeignKey("incidents.id"), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("repeat", sa.Integer, nullable=False),
        sa.Column("person_id", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True),
        sa.Column("contact_method_id", sa.Text, sa.ForeignKey("contact_methods.id"), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until_ms", sa.BigInteger),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("settled_ms", sa.BigInteger),
        sa.Column("bundle_id", sa.Text, sa.ForeignKey("deliveries.id"), index=True),
        sa.CheckConstraint("(state = 'bundled') = (bundle_id IS NOT NULL)", name="bundled_with_another"),
        sa.CheckConstraint("state <> 'sending' OR lease_until_ms IS NOT NULL", name="sending_has_a_lease"),
        sa.CheckConstraint(
            "state IN ('pending','sending','accepted','delivered','read','retry_wait','unknown','failed','cancelled','expired','bundled')",
            name="state_known",
        ),
        sa.UniqueConstraint("incident_id", "epoch", "step", "repeat", "contact_method_id", "purpose"),
        sa.Index(None, "state", "due_ms"),
    )
    op.create_table(
        "responses",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("incident_id", sa.Text, sa.ForeignKey("incidents.id"), nullable=False, index=True),
        sa.Column("person_id", sa.Text, sa.ForeignKey("people.id"), nullable=False),
        sa.Column("kind", sa.Text, nullable=False, index=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("vendor_event_id", sa.Text, unique=True),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "attempts",
        sa.Column("delivery_id", sa.Text, sa.ForeignKey("deliveries.id"), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.Column("vendor_id", sa.Text),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "vendor_events",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False, index=True),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("about", sa.Text, index=True),
    )
    op.create_table(
        "link_invitations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("person_id", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("code_hash", sa.Text, nullable=False, unique=True),
        sa.Column("nonce", sa.Text, unique=True),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
    )
    op.create_table(
        "receipts",
        sa.Column("delivery_id", sa.Text, sa.ForeignKey("deliveries.id"), primary_key=True),
        sa.Column("vendor_id", sa.Text, primary_key=True, index=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )


def downgrade() -> None:
    tables = sa.MetaData()
    tables.reflect(op.get_bind(), only=lambda name, _: name != "alembic_version")
    tables.drop_all(op.get_bind())
