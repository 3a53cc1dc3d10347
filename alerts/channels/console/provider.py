"""``console = true`` in ``[channels]``: messages are printed."""

import sys
from collections.abc import Iterable
from typing import Final

from alerts.channels.console.channel import ConsoleChannel
from alerts.channels.provider import Opened, Surroundings
from store.findings import Finding

OFF: Final = False
SET_UP: Final = {"console": "console = true in [channels]"}


def names(settings: bool) -> Iterable[str]:
    """As `alerts.channels.provider.Provider`."""
    return SET_UP if settings else ()


def open_channels(_settings: bool, _around: Surroundings) -> Opened:
    """As `alerts.channels.provider.Provider`."""
    return Opened({"console": ConsoleChannel(sys.stdout)})


def look(_settings: bool) -> Iterable[Finding]:
    """There is nothing to look at."""
    return ()
