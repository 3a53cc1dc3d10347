"""``[channels]`` and its tables: how people are reached, with the vendors' keys in files of their own."""

from dataclasses import field
from pathlib import Path

from pydantic.dataclasses import dataclass

from alerts.channels.email.settings import EmailSettings
from alerts.channels.home.settings import HomeSettings
from alerts.channels.line.settings import LineSettings
from alerts.channels.twilio.settings import TwilioSettings
from store.settings import STRICT_KEYS


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class ChannelSettings:
    """``[channels]``: ``console`` prints messages; ``outbox`` is a folder that shows what each phone would show.

    ``line``, ``twilio``, ``home`` and ``email`` are tables of their own.
    """

    console: bool = False
    outbox: Path | None = None
    line: LineSettings = field(default_factory=LineSettings)
    twilio: TwilioSettings = field(default_factory=TwilioSettings)
    home: HomeSettings = field(default_factory=HomeSettings)
    email: EmailSettings = field(default_factory=EmailSettings)
