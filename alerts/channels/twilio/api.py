"""What text messages and calls share: requests to Twilio that end in time, and what an error means for a message.

The SDK's own HTTP client logs phone numbers, waits for each byte anew, and knows one address; ours does not.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import requests
from twilio.base.exceptions import TwilioException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from alerts.channels.bounded import TimedOut, run_with_timeout
from alerts.channels.twilio.codes import ACCOUNT, LATER, log_account_error, number_of
from alerts.channels.twilio.settings import API_URL, TwilioSettings
from alerts.errors import Failure
from alerts.ports import OutgoingMessage, SendOutcome, SendResult


class NotSent(Exception):
    """The request never left: nothing was accepted."""


class NoAnswer(Exception):
    """The request left, and nobody knows what became of it."""


class BoundedHttp(HttpClient):  # type: ignore[misc]  # the SDK has no types
    """Requests over in time, whole; without logging, because addresses hold phone numbers.

    Args:
        api_url: where the API is; another one than Twilio's is put in place of it.
        timeout_s: for a whole request, whatever the network does.
    """

    def __init__(self, api_url: str, timeout_s: float) -> None:
        super().__init__(logging.getLogger("alerts.channels.twilio.api.silent"), is_async=False, timeout=timeout_s)
        self._api_url = api_url.rstrip("/")
        self._timeout_s = timeout_s

    def request(
        self,
        method: str,
        uri: str,
        params: Any = None,  # noqa: ANN401 - what the SDK makes of its options
        data: Any = None,  # noqa: ANN401
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        **_limits: Any,  # noqa: ANN401 - our time holds, and Twilio redirects nobody
    ) -> Response:
        """One request.

        Raises:
            NotSent: no connection.
            NoAnswer: anything else that is no answer.
        """
        url = self._address(uri)

        def work() -> Response:
            # A session of its own: an old connection may have died unnoticed, and a request on it is ambiguous.
            with requests.Session() as session:
                answer = session.request(
                    method, url, params=params, data=data, headers=headers, auth=auth,
                    timeout=self._timeout_s, allow_redirects=False,
                )  # fmt: skip
                answer.encoding = "utf-8"
                return Response(int(answer.status_code), answer.text, answer.headers)

        try:
            return run_with_timeout(self._timeout_s, work)
        except requests.ConnectTimeout:
            raise NotSent("no connection in time") from None
        except requests.ConnectionError as error:
            if _never_connected(error):
                raise NotSent("no connection") from None
            raise NoAnswer("the connection broke") from None
        except (requests.RequestException, TimedOut) as error:
            raise NoAnswer(type(error).__name__) from None

    def _address(self, uri: str) -> str:
        if self._api_url == API_URL:
            return uri
        parts, own = urlsplit(uri), urlsplit(self._api_url)
        return urlunsplit((own.scheme, own.netloc, own.path + parts.path, parts.query, ""))


def make_client(settings: TwilioSettings) -> Client:
    """The SDK's client, on our HTTP.

    Raises:
        SettingsError: the token cannot be read.
    """
    http = BoundedHttp(settings.api_url, settings.timeout_s)
    # An empty environment: the SDK would read TWILIO_EDGE and others from ours.
    return Client(
        settings.account_sid, settings.tokens()[0], http_client=http, environment={"": ""}, edge=settings.edge or None
    )


def check_account(settings: TwilioSettings) -> str | None:
    """Whether Twilio takes our account and token, asked by a look at its newest message; None: it does, else why not.

    Raises:
        SettingsError: the token cannot be read.
    """
    try:
        make_client(settings).messages.list(limit=1, page_size=1)
    except LOOK_UP_ERRORS as error:
        # A failed list carries its status in the text alone, behind which the address may follow.
        words = str(error).partition("http")[0].strip() if isinstance(error, TwilioException) else str(error)
        return words[:120] or type(error).__name__
    return None


class TwilioChannel(ABC):
    """What text messages and calls share: the account, and to look before something is sent a second time.

    Args:
        settings: with the number that it sends from.

    Raises:
        SettingsError: the token cannot be read.
    """

    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings
        self._client = make_client(settings)

    def send(self, message: OutgoingMessage) -> SendResult:
        """Send it, unless a look-up finds that an earlier try of unknown outcome had been accepted."""
        if message.ambiguous_since_ms is not None:
            try:
                known = self._look_up(message, message.ambiguous_since_ms)
            except LOOK_UP_ERRORS as error:
                return not_looked_up(error)
            if known is not None:
                return known
        try:
            vendor_id = self._create(message)
        except NotSent as error:
            return SendResult(SendOutcome.RETRY, detail=str(error))
        except NoAnswer as error:
            return SendResult(SendOutcome.AMBIGUOUS, detail=str(error))
        except TwilioException as error:
            return classify_error(error)
        if not vendor_id:
            return SendResult(SendOutcome.AMBIGUOUS, detail="an answer without a name for the message")
        return SendResult(SendOutcome.OK, vendor_id)

    @abstractmethod
    def _create(self, message: OutgoingMessage) -> str | None:
        """Have Twilio send it; gives the vendor's name of it."""

    @abstractmethod
    def _look_up(self, message: OutgoingMessage, since_ms: int) -> SendResult | None:
        """What Twilio knows of a try since a moment (ms UTC); None: nothing, so it is sent."""


def classify_error(error: TwilioException) -> SendResult:
    """What an error of the API means for the message."""
    status, code = int(getattr(error, "status", 0) or 0), number_of(getattr(error, "code", None))
    detail = f"{status} {code or ''}".strip()
    if status == 0 or status >= 500 or status == 408:
        return SendResult(SendOutcome.AMBIGUOUS, detail=detail)
    if code in ACCOUNT or status in (401, 403):
        log_account_error(detail)
        return SendResult(SendOutcome.QUOTA, detail=detail, failure=Failure.ACCOUNT)
    if status == 429 or code in LATER or status < 400:
        return SendResult(SendOutcome.RETRY, detail=detail)
    return SendResult(SendOutcome.PERMANENT, detail=detail)


def not_looked_up(error: Exception) -> SendResult:
    """The message may be there, and could not be looked for: nobody knows still, and nothing was sent."""
    if isinstance(error, TwilioException):
        result = classify_error(error)
        if result.outcome is SendOutcome.QUOTA:
            return result
    return SendResult(SendOutcome.AMBIGUOUS, detail=type(error).__name__, failure=Failure.NOT_LOOKED_UP)


LOOK_UP_ERRORS: Final = (NotSent, NoAnswer, TwilioException)


def _never_connected(error: requests.ConnectionError) -> bool:
    reason: Any = error.args[0] if error.args else None
    reason = getattr(reason, "reason", reason)
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")
