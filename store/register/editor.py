"""What every part of the registry works with: the rows of one open transaction, and when it is."""

from collections.abc import Collection

from sqlalchemy import Connection

from store.register import checks
from store.register.audited_rows import AuditedRows
from store.register.checks import CHANNELS


class Editor:
    """Changes of the register inside one transaction.

    Every method raises `RegistryError` when it refuses. Ids are random unless given; they are pseudonymous.

    Args:
        connection: an open transaction.
        actor: person id, or the part that acts; stands in the audit lines.
        now_ms: when, ms UTC; stands in the audit lines.
        channels: names of channels that a contact method may have.
    """

    def __init__(self, connection: Connection, actor: str, now_ms: int, channels: Collection[str] = CHANNELS) -> None:
        self._connection = connection
        self._now_ms = checks.moment(now_ms, "now_ms")
        self._rows = AuditedRows(connection, checks.identifier(actor, "actor"), now_ms)
        self._channels = tuple(channels)
