"""One HTTP request to this machine, whatever proxy the environment names."""

from typing import Any

import requests


def ask(method: str, url: str, timeout_s: float, **sent: Any) -> requests.Response:  # noqa: ANN401 - as of requests
    """The answer, whatever its status is. Raises OSError: nobody answered in time."""
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=timeout_s, **sent)
