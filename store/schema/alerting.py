"""Incidents of worry. Written by: alerts; the audit by every part."""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    literal_column,
)

from store.schema.base import written_by

table = written_by("alerts")

INCIDENT_STATES: Final = ("notifying", "claimed", "emergency", "staff_attention", "deferred", "resolved", "cancelled")
TERMINAL_STATES: Final = ("resolved", "cancelled")

incidents = table(
    "incidents",
    Column("id", Text, primary_key=True),
    Column("dedup_key", Text, nullable=False, unique=True),
    Column("home_id", Text, ForeignKey("homes.id"), index=True),  # null: about an area
    Column("person_id", Text, ForeignKey("people.id")),
    Column("organisation_id", Text, ForeignKey("organisations.id"), nullable=False),  # who owns the incident now
    Column("area", Text),  # of an incident about an area
    Column("group_id", Text, ForeignKey("incidents.id"), index=True),  # the incident about the area it belongs to
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
    Column("moved_ms", BigInteger),  # the movement that those who were called were told of
    Column("closed_ms", BigInteger),
    Column("answered_ms", BigInteger),  # when that which ended it was said or seen; a call for help after it is new
    Column("outcome", Text),
    Column("outcome_by", Text),  # person id, or "movement"
    Column("next_due_ms", BigInteger),
    Column("deferred_for", Text),  # alerts.decisions.codes.DeferredFor, of one that is deferred
    Column("version", Integer, nullable=False),  # compare and set
    CheckConstraint("state IN ('" + "','".join(INCIDENT_STATES) + "')", name="state_known"),
    CheckConstraint(
        "state IN ('resolved','cancelled') OR next_due_ms IS NOT NULL", name="open_incident_has_a_due_timer"
    ),
    CheckConstraint("state NOT IN ('resolved','cancelled') OR outcome IS NOT NULL", name="closed_incident_has_outcome"),
    CheckConstraint(
        "(home_id IS NOT NULL AND person_id IS NOT NULL) OR area IS NOT NULL", name="about_a_home_or_an_area"
    ),
    Index(None, "state", "next_due_ms"),
)


def is_open(rows: FromClause = incidents) -> ColumnElement[bool]:
    """Whether an incident has not ended. With the states as text, so that the index over open incidents is used."""
    return rows.c.state.not_in([literal_column(f"'{state}'") for state in sorted(TERMINAL_STATES)])


Index("ix_incidents_open", incidents.c.next_due_ms, sqlite_where=is_open(), postgresql_where=is_open())

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
    "bundled",
)

deliveries = table(
    "deliveries",
    Column("id", Text, primary_key=True),  # UUID: the vendor's retry key
    Column("incident_id", Text, ForeignKey("incidents.id"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("repeat", Integer, nullable=False),
    Column("person_id", Text, ForeignKey("people.id"), nullable=False, index=True),  # fair rotation: who, how often
    Column("contact_method_id", Text, ForeignKey("contact_methods.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),  # ask | call | staff | news
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("failure", Text),  # a code of alerts.errors.Failure, when failed
    Column("due_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until_ms", BigInteger),
    Column("created_ms", BigInteger, nullable=False),
    Column("settled_ms", BigInteger),
    Column("bundle_id", Text, ForeignKey("deliveries.id"), index=True),  # the message in which this one is told
    CheckConstraint("(state = 'bundled') = (bundle_id IS NOT NULL)", name="bundled_with_another"),
    CheckConstraint("state IN ('" + "','".join(DELIVERY_STATES) + "')", name="state_known"),
    CheckConstraint("state <> 'sending' OR lease_until_ms IS NOT NULL", name="sending_has_a_lease"),
    UniqueConstraint("incident_id", "epoch", "step", "repeat", "contact_method_id", "purpose"),
    Index(None, "state", "due_ms"),
)

attempts = table(
    "attempts",
    Column("delivery_id", Text, ForeignKey("deliveries.id"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("outcome", Text),  # null while under way; ok | retry | permanent | ambiguous | quota
    Column("failure", Text),  # a code of alerts.errors.Failure, where the channel said more than the outcome
    Column("vendor_id", Text),
    Column("detail", Text, nullable=False, server_default=""),  # the vendor's words; nothing reads them
)

receipts = table(  # what a vendor said afterwards of a message that it took; the same thing twice is one row
    "receipts",
    Column("delivery_id", Text, ForeignKey("deliveries.id"), primary_key=True),
    Column("vendor_id", Text, primary_key=True, index=True),  # the vendor's name for the message or the call
    Column("kind", Text, primary_key=True),  # alerts.ports.ReceiptKind
    Column("at_ms", BigInteger, nullable=False),  # when it came first
    Column("detail", Text, nullable=False, server_default=""),
)

claims = table(  # "going": a lease with an arrival time
    "claims",
    Column("id", Text, primary_key=True),
    Column("incident_id", Text, ForeignKey("incidents.id"), nullable=False, index=True),
    Column("person_id", Text, ForeignKey("people.id"), nullable=False),
    Column("claimed_ms", BigInteger, nullable=False),
    Column("eta_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("extensions", Integer, nullable=False, server_default="0"),
    Column("ended_ms", BigInteger),
    Column("ended_by", Text),  # safe | cannot | lapsed | revoked | closed
)

test_sends = table(  # messages that show whether a contact method reaches its person (alerts.tools.test_message)
    "test_sends",
    Column("id", Text, primary_key=True),  # UUID: the vendor's retry key
    Column("contact_method_id", Text, ForeignKey("contact_methods.id"), nullable=False, index=True),
    Column("code_digest", Text, nullable=False),  # of the code that the receiver gives back
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),  # until when the code counts
    Column("outcome", Text),  # null: under way, or its sender died; ok | retry | permanent | ambiguous | quota
    Column("failure", Text),  # a code of alerts.errors.Failure, where the channel said more than the outcome
    Column("vendor_id", Text),
    Column("detail", Text, nullable=False, server_default=""),
    Column("ended_ms", BigInteger),
    Column("wrong_codes", Integer, nullable=False, server_default="0"),
    Column("confirmed_ms", BigInteger),  # when the code was given back
)

ask_budgets = table(  # how often a person is asked for nothing, from how often they answered; read by ingest
    "ask_budgets",
    Column("home_id", Text, ForeignKey("homes.id"), primary_key=True),
    Column("ask_every_days", Integer, nullable=False),
    Column("answered", Integer, nullable=False),  # questions to a well person that they, or a movement, answered
    Column("unanswered", Integer, nullable=False),  # those after which others were called for nothing
    Column("at_ms", BigInteger, nullable=False),
)

audit = written_by("every part")(  # append only, in the same transaction as the change
    "audit",
    Column("id", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),  # person id, or the part that acted
    Column("channel", Text, nullable=False, server_default=""),
    Column("incident_id", Text, index=True),
    Column("home_id", Text),
    Column("what", Text, nullable=False),  # a code: alerts.decisions.codes.What, alerts.watchdog, store.audit_codes
    Column("from_state", Text),
    Column("to_state", Text),
    Column("reasons", JSON, nullable=False, default=list),  # codes of alerts.decisions.codes.Reason
    Column("params", JSON, nullable=False, default=dict),  # of what and reasons: codes, ids, numbers; no words
)
