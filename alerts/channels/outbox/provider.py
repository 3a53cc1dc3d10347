"""``outbox = FOLDER`` in ``[channels]``: a file a message, for demonstrations."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from alerts.channels.outbox.channel import OutboxChannel
from alerts.channels.provider import Opened, Surroundings
from store.findings import Finding, folder_missing
from store.settings import SettingsError

OFF: Final = None
SET_UP: Final = {"outbox": "outbox in [channels]"}


def names(settings: Path | None) -> Iterable[str]:
    """As `alerts.channels.provider.Provider`."""
    return SET_UP if settings else ()


def open_channels(settings: Path, _around: Surroundings) -> Opened:
    """As `alerts.channels.provider.Provider`; makes the folder."""
    try:
        settings.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"channels.outbox {settings}: cannot be made: {error.strerror}") from None
    return Opened({"outbox": OutboxChannel(settings)})


def look(settings: Path) -> Iterator[Finding]:
    """Whether the folder is there, or can be made."""
    if not settings.is_dir() and not settings.parent.is_dir():
        yield folder_missing("outbox", str(settings), settings.parent)
