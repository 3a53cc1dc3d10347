"""One HTTP request to this machine, whatever proxy the environment names."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Final

_DIRECTLY: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(
    url: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float, method: str | None = None
) -> tuple[int, bytes]:
    """The status and the content of the answer, whatever the status is. Raises OSError: nobody answered in time."""
    request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310 - our own addresses
    try:
        with _DIRECTLY.open(request, timeout=timeout_s) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
