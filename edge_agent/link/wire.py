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


def batch_payload(
    gateway: str, epoch: str, lowest: int, rows: Sequence[OutboxRow]
) -> tuple[bytes, Sequence[OutboxRow]]:
    """The payload of one batch, and the rows in it: as many of the first as fit into one message, at least one.

    Gateway and epoch are checked words that need no escaping in JSON.
    """
    room = _ROOM
    parts: list[str] = []
    for row in rows:
        part = f'{{"n":{row.n},"t":{row.t},"q":{row.q},"m":{row.m},{row.body}'
        room -= 4 * len(part) + 1 if not part.isascii() else len(part) + 1
        if parts and room < 0:
            break
        parts.append(part)
    head = f'{{"v":{VERSION},"gw":"{gateway}","e":"{epoch}","b":{rows[0].boot},"lo":{lowest},"ev":['
    return (head + ",".join(parts) + "]}").encode(), rows[: len(parts)]
