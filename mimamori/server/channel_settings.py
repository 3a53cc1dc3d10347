"""``[channels]`` and its tables: how people are reached, with the vendors' keys in files of their own."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from alerts.channels.email.settings import EmailSettings
from alerts.channels.twilio.settings import TwilioSettings
from mimamori.exits import UsageError

_HERE: Final = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class LineSettings:
    """``[channels.line]``: switched on by naming both files.

    Attributes:
        token_file: holds the channel access token on one line; None: no LINE.
        secret_file: holds the channel secret, which signs webhooks; a second line with the next one while it changes.
        base_url: where LINE's Messaging API is.
        timeout_s: how long one message may take, seconds; less than half of ``alerts.lease_s``.
    """

    token_file: Path | None = None
    secret_file: Path | None = None
    base_url: str = "https://api.line.me"
    timeout_s: int = 10

    @property
    def is_on(self) -> bool:
        """Whether messages go out by LINE."""
        return self.token_file is not None

    def check(self, lease_s: int) -> None:
        """Raises UsageError for what cannot work, given the sender's lease in seconds."""
        if (self.token_file is None) != (self.secret_file is None):
            raise UsageError("'channels.line' needs both token_file and secret_file, or neither")
        _check_timeout("channels.line", self.timeout_s, lease_s)
        address = urlsplit(self.base_url)
        if not address.hostname or not (
            address.scheme == "https" or (address.scheme == "http" and address.hostname in _HERE)
        ):
            raise UsageError(
                "'channels.line.base_url' must be https://…; http:// is for a double on 127.0.0.1, "
                "as the channel's token goes there"
            )


@dataclass(frozen=True, slots=True)
class HomeSettings:
    """``[channels.home]``: the person is asked in the home, through its agent.

    Attributes:
        enabled: whether it is a channel at all. The broker is that of ``[broker]``.
        timeout_s: how long a home may take to say that it chimed, seconds; less than half of ``alerts.lease_s``.
    """

    enabled: bool = False
    timeout_s: int = 10

    def check(self, lease_s: int) -> None:
        """Raises UsageError for what cannot work, given the sender's lease in seconds."""
        _check_timeout("channels.home", self.timeout_s, lease_s)


def _check_timeout(where: str, timeout_s: int, lease_s: int) -> None:
    if not 1 <= timeout_s < lease_s / 2:
        raise UsageError(
            f"'{where}.timeout_s' must be at least 1 and less than half of alerts.lease_s ({lease_s}), "
            f"not {timeout_s}: a message must be over before another worker takes it up"
        )


@dataclass(frozen=True, slots=True)
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
