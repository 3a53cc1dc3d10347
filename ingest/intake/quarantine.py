"""What could not be taken in, kept with its reason, so that nothing is dropped in silence.

Rows of single events have a key, count as handled and are kept. Rows of whole messages are an agent's to send again, so
an identical one is kept once and only the newest few of a gateway and reason stay.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from ingest.intake.decode import Refused
from store.schema import quarantine
from store.upserts import add_rows

MAX_PAYLOAD_BYTES: Final = 64 * 1024
MAX_TOPIC: Final = 256
UNKNOWN_GATEWAY: Final = "unknown_gateway"
STORED_OF_UNKNOWN_GATEWAY: Final = 3
STORED_OF_A_REASON: Final = 50


def write_rows(connection: Connection, refused: Sequence[Refused]) -> int:
    """Write them in the open transaction; how many are new."""
    rows = [_row(one) for one in refused]
    keyed = [row for row in rows if row["n"] is not None]
    add_rows(connection, quarantine, keyed)
    return len(keyed) + sum(_write_message(connection, row) for row in rows if row["n"] is None)


def _row(refused: Refused) -> dict[str, Any]:
    topic = refused.topic[:MAX_TOPIC].encode("utf-8", "replace").decode().replace("\0", "�")
    return asdict(refused) | {"topic": topic, "payload": refused.payload[:MAX_PAYLOAD_BYTES]}


def _write_message(connection: Connection, row: dict[str, Any]) -> int:
    same_gateway = quarantine.c.gateway == row["gateway"]
    same_sort = (same_gateway, quarantine.c.epoch.is_(None), quarantine.c.reason == row["reason"])
    known = select(quarantine.c.id).where(*same_sort, quarantine.c.payload == row["payload"]).limit(1)
    if connection.execute(known).first() is not None:
        return 0
    connection.execute(insert(quarantine).values(row))
    kept = STORED_OF_UNKNOWN_GATEWAY if row["reason"] == UNKNOWN_GATEWAY else STORED_OF_A_REASON
    newest = select(quarantine.c.id).where(*same_sort).order_by(quarantine.c.id.desc()).limit(kept)
    connection.execute(delete(quarantine).where(*same_sort, quarantine.c.id.not_in(newest)))
    return 1
