"""What the vendors of channels tell us, and how a person's account at one is linked. Written by: alerts."""

from sqlalchemy import BigInteger, Column, ForeignKey, Text

from store.schema.base import written_by

table = written_by("alerts")

vendor_events = table(  # each webhook event once, written in the transaction of its effect; no personal data
    "vendor_events",
    Column("id", Text, primary_key=True),  # channel:the vendor's id of the event
    Column("channel", Text, nullable=False),
    Column("kind", Text, nullable=False),  # the vendor's word: postback, follow, …
    Column("at_ms", BigInteger, nullable=False),  # when it happened, as the vendor says
    Column("received_ms", BigInteger, nullable=False, index=True),
    Column("outcome", Text, nullable=False),  # what became of it: answered, repeated, …
    Column("about", Text, index=True),  # id of the contact method it came by; null: of nobody in the register
)

link_invitations = table(  # a one-time code by which a person's own account at a vendor becomes a contact method
    "link_invitations",
    Column("id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.id"), nullable=False, index=True),
    Column("channel", Text, nullable=False),
    Column("code_hash", Text, nullable=False, unique=True),
    Column("nonce", Text, unique=True),  # for the vendor's own account link; null until it is begun
    Column("made_by", Text, nullable=False),  # person id, or the part that made it
    Column("made_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),  # used, or replaced by a newer one
)
