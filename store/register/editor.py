"""What every part of the registry works with: the rows of one open transaction, and when it is."""

from sqlalchemy import Connection

from store.register import checks
from store.register.audited_rows import AuditedRows


class Editor:
    """Changes of the register inside one transaction.

    Every method raises `RegistryError` when it refuses. Ids are random unless given; they are pseudonymous.

    Args:
        connection: an open transaction.
        actor: person id, or the part that acts; stands in the audit lines.
        now_ms: when, ms UTC; stands in the audit lines.
    """

    def __init__(self, connection: Connection, actor: str, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = checks.moment(now_ms, "now_ms")
        self._rows = AuditedRows(connection, checks.identifier(actor, "actor"), now_ms)
