"""What could not be taken in, kept with its reason, so that nothing is dropped in silence.

Rows of single events have a key, count as handled and are kept. Rows of whole messages are an agent's to send again, so
an identical one is kept once and only the newest few of a gateway and reason stay.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select

from ingest.intake.decode import Arrival, Broken, EventFault
from store.schema import quarantine
from store.upserts import add_rows

MAX_PAYLOAD_BYTES: Final = 64 * 1024
MAX_TOPIC: Final = 256
UNKNOWN_GATEWAY: Final = "unknown_gateway"
STORED_OF_UNKNOWN_GATEWAY: Final = 3
STORED_OF_A_REASON: Final = 50

Row = dict[str, Any]


def row_of_broken(broken: Broken) -> Row:
    """The row of a message that could not be read."""
    return {
        "received_ms": broken.received_ms,
        "gateway": broken.gateway,
        "topic": _storable(broken.topic),
        "reason": broken.reason,
        "detail": broken.detail,
        "payload": broken.payload[:MAX_PAYLOAD_BYTES],
        "epoch": None,
        "n": None,
    }


def row_of_unknown(arrival: Arrival, payload: bytes) -> Row:
    """The row of events from a gateway that no home has."""
    detail = "no home has this gateway; register it, and the events, which stay on the device, will come again"
    return row_of_broken(Broken(arrival.gateway, arrival.received_ms, arrival.topic, UNKNOWN_GATEWAY, detail, payload))


def row_of_unknown_news(arrival: Arrival) -> Row:
    """The row of what a gateway that no home has says about itself: one for good, and without what it said."""
    detail = "no home has this gateway; what it says about its devices is not stored"
    return row_of_broken(Broken(arrival.gateway, arrival.received_ms, arrival.topic, UNKNOWN_GATEWAY, detail, b""))


def row_of_fault(arrival: Arrival, fault: EventFault) -> Row:
    """The row of one event of a readable batch."""
    one = Broken(arrival.gateway, arrival.received_ms, arrival.topic, fault.reason, fault.detail, fault.payload)
    return row_of_broken(one) | {"epoch": fault.epoch, "n": fault.n}


def write_rows(connection: Connection, rows: Sequence[Row]) -> int:
    """Write the rows in the open transaction; how many are new."""
    keyed = [row for row in rows if row["n"] is not None]
    add_rows(connection, quarantine, keyed)
    return len(keyed) + sum(_write_message(connection, row) for row in rows if row["n"] is None)


def _write_message(connection: Connection, row: Row) -> int:
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


def _storable(text: str) -> str:
    return text[:MAX_TOPIC].encode("utf-8", "replace").decode().replace("\0", "�")
