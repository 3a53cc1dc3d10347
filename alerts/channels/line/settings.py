"""``[channels.line]``: what is needed to send by LINE, checked at start."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic.dataclasses import dataclass

from store.settings import STRICT_KEYS, Count

_HERE: Final = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class LineSettings:
    """How LINE is used: switched on by naming both files.

    Attributes:
        token_file: holds the channel access token on one line; None: no LINE.
        secret_file: holds the channel secret, which signs webhooks; a second line with the next one while it changes.
        base_url: where LINE's Messaging API is.
        timeout_s: how long one message may take, seconds; less than half of ``alerts.lease_s``.
    """

    token_file: Path | None = None
    secret_file: Path | None = None
    base_url: str = "https://api.line.me"
    timeout_s: Count = 10

    def __post_init__(self) -> None:
        if (self.token_file is None) != (self.secret_file is None):
            raise ValueError("token_file and secret_file: give both or neither")
        address = urlsplit(self.base_url)
        is_double = address.scheme == "http" and address.hostname in _HERE
        if not address.hostname or not (address.scheme == "https" or is_double):
            raise ValueError(
                "base_url must be https://…; http:// is for a double on 127.0.0.1, as the channel's token goes there"
            )

    @property
    def is_on(self) -> bool:
        """Whether messages go out by LINE."""
        return self.token_file is not None
