"""Where the broker is, and with which keys: the one record of it, for homes and backend alike."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

DEFAULT_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
LEAST_KEEPALIVE_S: Final = 5
MOST_KEEPALIVE_S: Final = 3_600


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """``[broker]`` of a settings file. Reads no file by itself.

    Attributes:
        url: ``mqtt://host[:port]`` or, with TLS, ``mqtts://host[:port]``.
        ca: certificate of the authority that signed the broker's; None: those the system trusts.
        certificate, key: of this client, PEM; None: the broker does not ask for them.
        username, password_file: where the broker asks for a password; the file holds it on one line.
        keepalive_s: after one and a half times this without a sign of the broker, the connection counts as lost.

    Raises:
        ValueError: a value cannot be used; the message begins with its key.
    """

    url: str = "mqtt://127.0.0.1:1883"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    username: str = ""
    password_file: Path | None = None
    keepalive_s: int = 30

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in DEFAULT_PORTS and parts.hostname and parts.port != 0
            has_user = "@" in parts.netloc
        except ValueError:
            sound = has_user = False
        if has_user:  # not repeated: an error is often pasted into a mail
            raise ValueError("url: no user or password in it; give username and password_file beside it")
        if not sound:
            raise ValueError(f"url: expected mqtt://host:port or mqtts://host:port, got '{self.url}'")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key: give both or neither")
        if not LEAST_KEEPALIVE_S <= self.keepalive_s <= MOST_KEEPALIVE_S:
            raise ValueError(f"keepalive_s must be {LEAST_KEEPALIVE_S} to {MOST_KEEPALIVE_S}, not {self.keepalive_s}")

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        """Host name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """TCP port."""
        parts = urlsplit(self.url)
        return parts.port or DEFAULT_PORTS[parts.scheme]

    def password(self) -> str | None:
        """What the password file holds; None without one. Raises OSError, UnicodeDecodeError."""
        return self.password_file.read_text(encoding="utf-8").strip() if self.password_file else None

    def tls_context(self) -> ssl.SSLContext | None:
        """The keys, ready for a connection; None for plain TCP. Raises OSError, also for a key that is none."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
        # Set by Python 3.13: it refuses an authority without a key usage, which `openssl req -x509` makes by default.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.certificate and self.key:
            context.load_cert_chain(self.certificate, self.key)
        return context
