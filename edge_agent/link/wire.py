"""Rows of the outbox as the payload of ``ev`` and ``evp``.

The same bytes as `contracts.envelope.encode_batch`, held by a test, without building an object for each event: a home
that was cut off for a month has 90,000 of them to send.
"""

from collections.abc import Sequence
from typing import Final

from contracts.strict import MAX_BYTES, VERSION
from edge_agent.outbox.outbox import OutboxRow

MAX_EVENT_BYTES: Final = 16 * 1024
"""Of one event; far above what any sensor says, and small enough that a few always fit into a message."""
_ROOM: Final = MAX_BYTES - 1024
"""For the events of one message; the rest is for the envelope around them."""


def event_json(row: OutboxRow) -> str:
    """The JSON object of one event."""
    return f'{{"n":{row.n},"t":{row.t},"q":{row.q},"m":{row.m},{row.body}'


def fitting(rows: Sequence[OutboxRow]) -> tuple[list[OutboxRow], list[str]]:
    """As many of the rows as fit into one message, and their JSON."""
    room = _ROOM
    kept: list[OutboxRow] = []
    parts: list[str] = []
    for row in rows:
        part = event_json(row)
        room -= 4 * len(part) + 1 if not part.isascii() else len(part) + 1
        if kept and room < 0:
            break
        kept.append(row)
        parts.append(part)
    return kept, parts


def batch_payload(gateway: str, epoch: str, boot: int, lowest: int, parts: Sequence[str]) -> bytes:
    """The payload of one batch. Gateway and epoch are checked words that need no escaping in JSON."""
    head = f'{{"v":{VERSION},"gw":"{gateway}","e":"{epoch}","b":{boot},"lo":{lowest},"ev":['
    return (head + ",".join(parts) + "]}").encode()
