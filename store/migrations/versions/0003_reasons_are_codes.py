"""Reasons are codes

Revision ID: 0003
Revises: 0002
"""

from alembic import op
import sqlalchemy as sa

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TRIES = [
    sa.table(name, sa.column("failure", sa.Text()), sa.column("detail", sa.Text()))
    for name in ("attempts", "test_sends")
]
FAILURES = {
    "account": "account", "no_channel": "no_channel", "opted_out": "opted_out", "disabled": "disabled",
    "revoked": "revoked", "look-up failed:": "not_looked_up", "the lease ran out": "interrupted",
}  # fmt: skip


def upgrade() -> None:
    for table in TRIES:
        op.add_column(table.name, sa.Column("failure", sa.Text(), nullable=True))
    _take_failures_out_of_details()


def _take_failures_out_of_details() -> None:
    """Until now the code stood at the beginning of the vendor's words, or in place of them."""
    for table in TRIES:
        detail = table.c.detail
        for words, code in FAILURES.items():
            begins = (detail == words) | detail.startswith(f"{words} ", autoescape=True)
            rest = sa.func.ltrim(sa.func.substr(detail, len(words) + 1))
            op.execute(sa.update(table).where(begins).values(failure=code, detail=rest))


def _put_failures_into_details() -> None:
    for table in TRIES:
        for words, code in FAILURES.items():
            before = sa.func.trim(sa.literal(f"{words} ").concat(table.c.detail))
            op.execute(sa.update(table).where(table.c.failure == code).values(detail=before))


def downgrade() -> None:
    _put_failures_into_details()
    for table in TRIES:
        with op.batch_alter_table(table.name, schema=None) as batch_op:
            batch_op.drop_column("failure")
