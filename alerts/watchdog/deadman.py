"""The outside dead-man switch: an address that raises the alarm when nobody asks for it any more."""

import http.client
import logging
from urllib.parse import urlsplit

log = logging.getLogger(__name__)


def ping(url: str, timeout_s: float) -> bool:
    """Ask for the address once; whether it took that.

    Goes straight to the host, past proxies, and follows no redirection: the ping reaches the switch or nothing. Its
    path is a secret and is not logged.

    Args:
        url: as `alerts.watchdog.settings` has checked it.
        timeout_s: how long each step may take, seconds.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, parts.port, timeout=timeout_s)  # by https it checks the certificate and the name
    try:
        path = parts.path or "/"
        connection.request("GET", f"{path}?{parts.query}" if parts.query else path, headers={"User-Agent": "mimamori"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        log.warning("the dead-man switch at %s cannot be reached: %s", host, type(error).__name__)
        return False
    finally:
        connection.close()
    if not 200 <= status < 300:
        log.warning("the dead-man switch at %s answers %d", host, status)
        return False
    return True
