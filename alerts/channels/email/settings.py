"""``[channels.email]``: what is needed to send mail, checked at start."""

import re
from pathlib import Path
from typing import Final, Literal

from pydantic.dataclasses import dataclass

from store.settings import STRICT_KEYS, Count, Port, read_keys

_HERE: Final = ("127.0.0.1", "localhost", "::1")
_ADDRESS: Final = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class EmailSettings:
    """How mail is sent.

    Attributes:
        host: of the mail server that takes our mail. Empty: no mail.
        port: 587 for ``starttls``, 465 for ``tls``.
        security: ``starttls``, ``tls``, or ``none``, which is for a server on this machine alone.
        ca: certificate of the authority that signed the server's; None: those the system trusts.
        username: for the login; empty: no login.
        password_file: holds its password on one line.
        sender: address that mail comes from; the server must let us use it.
        timeout_s: how long one message may take, seconds; less than half of ``alerts.lease_s``.
    """

    host: str = ""
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca: Path | None = None
    username: str = ""
    password_file: Path | None = None
    sender: str = ""
    timeout_s: Count = 10

    def __post_init__(self) -> None:
        if not self.host:
            return
        if self.security == "none" and self.host not in _HERE:
            raise ValueError("security 'none' is for a mail server on this machine; use starttls")
        if not _ADDRESS.fullmatch(self.sender):
            raise ValueError("sender must be an address such as mimamori@example.jp")
        if bool(self.username) != (self.password_file is not None):
            raise ValueError("username and password_file: give both or neither")

    def password(self) -> str | None:
        """The password of the file; None without one. Raises SettingsError: it cannot be read, or is not one line."""
        if self.password_file is None:
            return None
        return read_keys(self.password_file, "channels.email.password_file", form="[ -~]+")[0]
