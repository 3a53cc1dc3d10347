"""Who may reach the pages: until staff accounts come, this machine alone, and no other site through its browser."""

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ONLY_ADDRESS: Final = "127.0.0.1"
OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost"})
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    # Not no-referrer: under it a browser sends "Origin: null" with our own forms, which would hide who is asking.
    # To other sites this sends nothing either.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


class RefusedAddress(ValueError):
    """The pages must not be served on this address."""


def check_bind(host: str) -> str:
    """The address to listen on, if it is allowed.

    Raises:
        RefusedAddress: anything but 127.0.0.1. Without staff accounts whoever reaches the pages sees everything.
    """
    if host != ONLY_ADDRESS:
        raise RefusedAddress(
            f"the dashboard listens on {ONLY_ADDRESS} only, not on {host!r}: it has no staff accounts yet, so anyone "
            f"who reached it would see everybody's data. Set the address to {ONLY_ADDRESS}; to look from another "
            "machine use an SSH tunnel (ssh -L 8080:127.0.0.1:8080 …)."
        )
    return host


def is_own_host(host: str) -> bool:
    """Whether a Host header names this machine: a foreign name that resolves here is a rebinding attack."""
    name, _, port = host.partition(":")
    return name.lower() in OWN_NAMES and (not port or port.isdigit())


def is_cross_site(headers: Headers, own_origins: frozenset[str]) -> bool:
    """Whether another site made the browser send this request.

    ``same-site`` counts as foreign: another program on another port of this machine is another site to us. A request
    with neither header comes from no browser of the last years, and a program that is not a browser carries nobody's
    authority.
    """
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin not in own_origins


class AccessGuard:
    """ASGI middleware: wrong Host and cross-site writes are refused; every answer carries the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = _refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)


def _refusal(scope: Scope) -> PlainTextResponse | None:
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not is_own_host(host):
        return PlainTextResponse(
            f"This page is served for {' and '.join(sorted(OWN_NAMES))} only. Open http://{ONLY_ADDRESS} instead.\n",
            400,
        )
    own_origins = frozenset({f"http://{host}", f"https://{host}"})
    if scope["method"] not in SAFE_METHODS and is_cross_site(headers, own_origins):
        return PlainTextResponse("This form was sent from another site, so nothing was changed.\n", 403)
    return None
