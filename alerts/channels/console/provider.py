"""``console = true`` in ``[channels]``: messages are printed."""

import sys
from typing import Final

from alerts.channels.console.channel import ConsoleChannel
from alerts.channels.provider import Opened, Provider

CONSOLE: Final = Provider(
    off=False,
    set_up={"console": "console = true in [channels]"},
    names=lambda is_on: ["console"] if is_on else [],
    opened=lambda _is_on, _around: Opened({"console": ConsoleChannel(sys.stdout)}),
)
