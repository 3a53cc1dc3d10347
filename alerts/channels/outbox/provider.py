"""``outbox = FOLDER`` in ``[channels]``: a file a message, for demonstrations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alerts.channels.outbox.channel import OutboxChannel
from alerts.channels.provider import Opened, Provider, Surroundings
from store.findings import Finding, folder_missing
from store.settings import SettingsError


def _opened(settings: Path | None, _around: Surroundings) -> Opened:
    assert settings is not None, "it is off"  # noqa: S101 - the registry asks those that are on
    try:
        settings.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"channels.outbox {settings}: cannot be made: {error.strerror}") from None
    return Opened({"outbox": OutboxChannel(settings)})


def _look(settings: Path | None) -> Iterator[Finding]:
    """Whether the folder is there, or can be made."""
    if settings is not None and not settings.is_dir() and not settings.parent.is_dir():
        yield folder_missing("outbox", str(settings), settings.parent)


OUTBOX: Final = Provider(
    off=None,
    set_up={"outbox": "outbox in [channels]"},
    names=lambda folder: ["outbox"] if folder else [],
    opened=_opened,
    look=_look,
)
