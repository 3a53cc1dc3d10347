"""``[channels.email]``: what is needed to send mail, checked at start."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alerts.errors import SettingsError

SECURITY: Final = ("starttls", "tls", "none")
_HERE: Final = ("127.0.0.1", "localhost", "::1")
_ADDRESS: Final = re.compile(r"[!-?A-~]+@[A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True)
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
    port: int = 587
    security: str = "starttls"
    ca: Path | None = None
    username: str = ""
    password_file: Path | None = None
    sender: str = ""
    timeout_s: int = 10

    @property
    def is_on(self) -> bool:
        """Whether mail is sent at all."""
        return bool(self.host)

    def check(self, lease_s: int) -> None:
        """Raises SettingsError for what cannot work, given the sender's lease in seconds."""
        if not self.is_on:
            return
        if self.security not in SECURITY:
            raise SettingsError(f"channels.email.security must be one of {', '.join(SECURITY)}")
        if self.security == "none" and self.host not in _HERE:
            raise SettingsError("channels.email.security 'none' is for a mail server on this machine; use starttls")
        if not _ADDRESS.fullmatch(self.sender):
            raise SettingsError("channels.email.sender must be an address such as mimamori@example.jp")
        if bool(self.username) != (self.password_file is not None):
            raise SettingsError("channels.email needs both username and password_file, or neither")
        if not 1 <= self.port <= 65_535:
            raise SettingsError("channels.email.port must be 1 to 65535")
        if not 1 <= self.timeout_s < lease_s / 2:
            raise SettingsError(
                f"channels.email.timeout_s must be at least 1 and less than half of alerts.lease_s ({lease_s}), "
                f"not {self.timeout_s}: a message must be over before another worker takes it up"
            )

    def password(self) -> str | None:
        """The password of the file; None without one. Raises SettingsError: it cannot be read, or is not one line."""
        if self.password_file is None:
            return None
        try:
            lines = [line.strip() for line in self.password_file.read_text().splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError):
            raise SettingsError(
                f"channels.email.password_file {self.password_file}: cannot be read; put the password there"
            ) from None
        if len(lines) != 1 or not lines[0].isascii():
            raise SettingsError(f"channels.email.password_file {self.password_file}: must hold one line of ASCII")
        return lines[0]
