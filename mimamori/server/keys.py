"""What stands in files of its own: the server's secret, tokens, and the keys and certificates of the broker."""

import contextlib
import os
import secrets
import ssl
import tempfile
from pathlib import Path
from typing import Final

from edge_agent.settings import BrokerSettings
from ingest.consumer import BrokerAddress
from mimamori.exits import UsageError

LEAST_SECRET: Final = 16


def secret_of(path: Path) -> str:
    """The secret in a file, which is made (mode 0600) when it is missing.

    Raises:
        UsageError: the file cannot be read or made, or holds no secret that is long enough.
    """
    try:
        if not path.exists():
            _make_secret(path)
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"server.secret_file {path} cannot be read or made: {error}") from None
    if len(secret) < LEAST_SECRET:
        raise UsageError(f"server.secret_file {path} holds no secret of {LEAST_SECRET} characters; remove the file")
    return secret


def _make_secret(path: Path) -> None:
    # Linked when it is whole: of two roles that start at once, neither may read the other's empty file.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another role was first: its secret holds
            os.link(name, path)
    finally:
        os.unlink(name)


def read_token(path: Path | None) -> str | None:
    """The token in a file; None without a file. Raises UsageError."""
    try:
        return path.read_text().strip() if path else None
    except OSError as error:
        raise UsageError(f"store.token_file {path}: {error.strerror}") from None


def broker_address(broker: BrokerSettings) -> BrokerAddress:
    """What the consumer connects to. Raises UsageError for a key or certificate that cannot be used."""
    try:
        password = broker.password_file.read_text().strip() if broker.password_file else None
        tls = _tls(broker) if broker.tls else None
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"broker: a key, certificate or password file cannot be used: {error}") from None
    return BrokerAddress(broker.host, broker.port, broker.username or None, password, tls)


def _tls(broker: BrokerSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(broker.ca) if broker.ca else None)
    if broker.certificate and broker.key:
        context.load_cert_chain(broker.certificate, broker.key)
    return context
