"""A folder with one file a message: what each phone would show. The dashboard draws the phones from it."""

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from alerts.ports import OutgoingMessage, SendOutcome, SendResult


@dataclass(frozen=True, slots=True)
class Shown:
    """One message on one phone; fields as in `OutgoingMessage`. ``at_ms``: when it was (last) sent, ms UTC."""

    delivery_id: str
    person_id: str
    address: str
    subject: str
    body: str
    link: str | None
    purpose: str
    language: str
    at_ms: int


class OutboxChannel:
    """Writes each message to ``{delivery id}.json``, whole or not at all; a resend overwrites itself.

    Args:
        folder: must exist; only the server's own user should be able to read it.
    """

    name = "outbox"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: OutgoingMessage) -> SendResult:
        """Write it to the disk for good. A full disk or a missing folder may pass: tried again."""
        data = {item.name: getattr(message, item.name) for item in fields(Shown)}
        try:
            _write_whole(self._folder, f"{message.delivery_id}.json", json.dumps(data, ensure_ascii=False).encode())
        except OSError as error:
            return SendResult(SendOutcome.RETRY, detail=type(error).__name__)
        return SendResult(SendOutcome.OK, vendor_id=message.delivery_id)


def read_outbox(folder: Path) -> list[Shown]:
    """What the phones show, oldest first. A folder that does not exist yet shows nothing."""
    shown = [_read(path) for path in folder.glob("*.json")]
    return sorted((item for item in shown if item), key=lambda item: (item.at_ms, item.delivery_id))


def _read(path: Path) -> Shown | None:
    try:
        data: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:  # cleared between listing and reading
        return None
    return Shown(**data)


def _write_whole(folder: Path, name: str, content: bytes) -> None:
    # Beside the target, hidden from the reader, and synced before the rename: a power cut leaves the old file, the new
    # one, or none; never half of one.
    temporary = folder / f".{name}.{os.getpid()}"
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / name)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
