"""One ledger of statements, in place of responses and of the last presses in live_states

Revision ID: 0002
Revises: 0001
"""

from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KINDS = (
    "help", "help_expired", "ok", "going", "safe", "cannot", "called_119", "phoned", "closed", "wrote", "unclear",
    "opted_out", "absence_began", "absence_ended",
)  # fmt: skip
ABOUT_PERSON = "('silence','help','decline','no_return')"


def upgrade() -> None:
    op.create_table(
        "statements",
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("said_ms", sa.BigInteger, nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("home_id", sa.Text, sa.ForeignKey("homes.id")),
        sa.Column("person_id", sa.Text, sa.ForeignKey("people.id")),
        sa.Column("said_by", sa.Text, sa.ForeignKey("people.id"), index=True),
        sa.Column("incident_id", sa.Text, sa.ForeignKey("incidents.id"), index=True),
        sa.Column("delivery_id", sa.Text, sa.ForeignKey("deliveries.id")),
        sa.Column("epoch", sa.Integer, server_default="0", nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("note", sa.Text, server_default="", nullable=False),
        sa.CheckConstraint("kind IN ('" + "','".join(KINDS) + "')", name="kind_known"),
        sa.CheckConstraint("(kind = 'closed') = (outcome IS NOT NULL)", name="closed_has_an_outcome"),
        sa.Index(None, "home_id", "kind", "at_ms"),
    )
    # What every tick asks: who is open, of whom somebody may hear, whose home it is.
    op.create_index(op.f("ix_relations_other_id"), "relations", ["other_id"])
    op.create_index(op.f("ix_homes_person_id"), "homes", ["person_id"])
    is_open = sa.text("state NOT IN ('cancelled', 'resolved')")
    op.create_index("ix_incidents_open", "incidents", ["next_due_ms"], sqlite_where=is_open, postgresql_where=is_open)
    op.add_column("incidents", sa.Column("answered_ms", sa.BigInteger))
    op.add_column("incidents", sa.Column("moved_ms", sa.BigInteger))
    _take_over_responses()
    _take_over_presses()
    _date_the_ends()
    op.drop_table("responses")
    with op.batch_alter_table("live_states") as batch_op:
        batch_op.drop_column("help_ms")
        batch_op.drop_column("ok_ms")


def _take_over_responses() -> None:
    """Of the person, *cannot* was a call for help and *safe* was "I am all right".

    *help* was a call for help after the end, whatever the incident was about, and the end did not answer it.
    """
    own = f"r.person_id = i.person_id AND i.kind IN {ABOUT_PERSON}"
    op.execute(
        "INSERT INTO statements (key, kind, channel, at_ms, said_ms, received_ms, home_id, person_id, said_by,"
        " incident_id, epoch, outcome, note)"
        " SELECT COALESCE(r.vendor_event_id, 'response:' || r.id),"
        f" CASE WHEN r.kind = 'cannot' AND {own} OR r.kind = 'help' THEN 'help' WHEN r.kind = 'safe' AND {own} THEN 'ok'"
        " ELSE r.kind END,"
        " r.channel, CASE WHEN r.kind = 'help' AND i.closed_ms >= r.at_ms THEN i.closed_ms + 1 ELSE r.at_ms END,"
        " COALESCE(v.at_ms, r.at_ms), r.at_ms, i.home_id, i.person_id, r.person_id,"
        " i.id, r.epoch, CASE WHEN r.kind = 'closed' THEN COALESCE(i.outcome, 'other') END, r.note"
        " FROM responses r JOIN incidents i ON i.id = r.incident_id LEFT JOIN vendor_events v ON v.id = r.vendor_event_id"
        " ORDER BY r.at_ms, r.id"
    )


def _take_over_presses() -> None:
    """The last press of each kind was all that was known; its number in the outbox was not."""
    for kind in ("help", "ok"):
        op.execute(
            "INSERT INTO statements (key, kind, channel, at_ms, said_ms, received_ms, home_id, person_id, said_by)"
            f" SELECT 'button:' || h.id || ':{kind}:' || l.{kind}_ms, '{kind}', 'button', l.{kind}_ms, l.{kind}_ms,"
            f" l.{kind}_ms, h.id, h.person_id, h.person_id FROM live_states l JOIN homes h ON h.id = l.home_id"
            f" WHERE l.{kind}_ms IS NOT NULL ORDER BY h.id"
        )


def _date_the_ends() -> None:
    """What ended an incident was said when it ended, but for an OK of the button, which may have waited."""
    by_button = (
        "outcome = 'self_ok' AND NOT EXISTS (SELECT 1 FROM responses r WHERE r.incident_id = incidents.id"
        " AND r.kind = 'safe' AND r.at_ms = incidents.closed_ms)"
    )
    pressed = (
        "SELECT l.ok_ms FROM live_states l WHERE l.home_id = incidents.home_id"
        " AND l.ok_ms > incidents.since_ms AND l.ok_ms <= incidents.closed_ms"
    )
    op.execute(
        f"UPDATE incidents SET answered_ms = CASE WHEN {by_button} THEN COALESCE(({pressed}), closed_ms)"
        " ELSE closed_ms END WHERE closed_ms IS NOT NULL"
    )
    told = "SELECT MIN(a.at_ms) FROM audit a WHERE a.incident_id = incidents.id AND a.what = 'moved'"
    op.execute(f"UPDATE incidents SET moved_ms = ({told})")


def downgrade() -> None:
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
        sa.Column("note", sa.Text, server_default="", nullable=False),
    )
    op.execute(
        "INSERT INTO responses (id, incident_id, person_id, kind, channel, vendor_event_id, epoch, at_ms, note)"
        " SELECT 'statement:' || s.n, s.incident_id, s.said_by,"
        " CASE WHEN s.kind = 'help' AND i.closed_ms IS NOT NULL AND COALESCE(i.answered_ms, 0) < s.at_ms THEN 'help'"
        " WHEN s.kind = 'help' THEN 'cannot' WHEN s.kind = 'ok' THEN 'safe' ELSE s.kind END,"
        " s.channel, s.key, s.epoch, s.at_ms, s.note FROM statements s JOIN incidents i ON i.id = s.incident_id"
        " WHERE s.said_by IS NOT NULL AND s.kind NOT IN ('help_expired','opted_out','absence_began','absence_ended')"
    )
    with op.batch_alter_table("live_states") as batch_op:
        batch_op.add_column(sa.Column("help_ms", sa.BigInteger))
        batch_op.add_column(sa.Column("ok_ms", sa.BigInteger))
    for kind in ("help", "ok"):
        last = f"SELECT MAX(s.at_ms) FROM statements s WHERE s.home_id = live_states.home_id AND s.kind = '{kind}'"
        op.execute(f"UPDATE live_states SET {kind}_ms = ({last} AND s.incident_id IS NULL)")
    op.drop_table("statements")
    op.drop_index("ix_incidents_open", "incidents")
    op.drop_index(op.f("ix_homes_person_id"), "homes")
    op.drop_index(op.f("ix_relations_other_id"), "relations")
    for column in ("moved_ms", "answered_ms"):
        op.drop_column("incidents", column)  # not by a copy: other rows point at the incidents
