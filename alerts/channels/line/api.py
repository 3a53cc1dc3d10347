"""LINE's Messaging API by the vendor's own library: one call, one answer, never later than the time that is given.

The library retries nothing here (`retries=False`): whether to try again is for the sender to say, with the same key.
"""

import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import urllib3.exceptions
from linebot.v3.messaging import (
    ApiClient,
    ApiException,
    Configuration,
    MessagingApi,
    PushMessageRequest,
    ReplyMessageRequest,
)

from alerts.channels.bounded import TimedOut, run_with_timeout
from alerts.channels.line.messages import ChatMessage
from alerts.ports import Quota

_NOT_SENT: Final = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


class LineUnreachable(Exception):
    """The vendor gave no answer. ``sent``: the request may have arrived."""

    def __init__(self, what: str, *, sent: bool) -> None:
        super().__init__(what)
        self.sent = sent


class NotALineMessage(ValueError):
    """The vendor's library does not take the message; nothing was sent."""


@dataclass(frozen=True, slots=True)
class ApiReply:
    """What the vendor answered.

    Attributes:
        status: HTTP status.
        message_id: the vendor's name of the (first) message; None when it gave none.
        request_id: the vendor's name of the request, for their support; of the accepted one after a 409.
        says: the vendor's own words about an error; may be empty. Not for a log: it can repeat what was sent.
    """

    status: int
    message_id: str | None = None
    request_id: str = ""
    says: str = ""


class LineApi:
    """The endpoints that are used. Safe to use from several threads.

    Args:
        token: channel access token; secret.
        base_url: where the vendor, or its double, listens.
        timeout_s: how long one call may take, all told.
    """

    def __init__(self, token: str, base_url: str, timeout_s: float = 10.0) -> None:
        configuration = Configuration(host=base_url.rstrip("/"), access_token=token)
        configuration.retries = False
        self._api = MessagingApi(ApiClient(configuration))
        self._timeout_s = timeout_s

    def push(self, to: str, messages: Sequence[ChatMessage], key: str) -> ApiReply:
        """Send messages to a user id, once for ever under this key (UUID).

        Raises:
            NotALineMessage: nothing was sent.
            LineUnreachable: no answer.
        """
        body = _built(PushMessageRequest, {"to": to, "messages": list(messages)})
        return self._post(self._api.push_message_with_http_info, body, x_line_retry_key=key)

    def reply(self, reply_token: str, messages: Sequence[ChatMessage]) -> ApiReply:
        """Answer an event; the token works once. Raises as `push`."""
        body = _built(ReplyMessageRequest, {"replyToken": reply_token, "messages": list(messages)})
        return self._post(self._api.reply_message_with_http_info, body)

    def quota(self, limit_s: float | None = None) -> Quota:
        """This month's limit and use, within ``limit_s`` seconds (None: the usual time).

        Raises:
            LineUnreachable: no answer, or not a usable one (``sent`` is False: asking changes nothing).
        """
        most_s = self._timeout_s if limit_s is None else limit_s

        def ask() -> Quota:
            limit = self._api.get_message_quota(_request_timeout=most_s)
            used = self._api.get_message_quota_consumption(_request_timeout=most_s).total_usage
            return Quota(limit.value if limit.type == "limited" else None, used)

        try:
            return run_with_timeout(most_s, ask)
        except (TimedOut, ApiException, urllib3.exceptions.HTTPError, ValueError) as error:
            status = f" {error.status}" if isinstance(error, ApiException) else ""
            raise LineUnreachable(f"quota: {type(error).__name__}{status}", sent=False) from None

    def _post(self, send: Callable[..., Any], body: object, **options: str) -> ApiReply:
        limit_s = self._timeout_s
        try:
            answer = run_with_timeout(limit_s, lambda: send(body, _request_timeout=limit_s, **options))
        except ApiException as error:
            if not error.status:  # the library's word for trouble with TLS
                raise LineUnreachable("TLS", sent=True) from None
            return _refusal(error)
        except _NOT_SENT as error:
            raise LineUnreachable(type(error).__name__, sent=False) from None
        except (TimedOut, urllib3.exceptions.HTTPError) as error:
            raise LineUnreachable(type(error).__name__, sent=True) from None
        except ValueError:  # a success whose words the library does not understand is a success
            return ApiReply(200)
        sent = getattr(answer.data, "sent_messages", None) or []
        return ApiReply(answer.status_code, sent[0].id if sent else None, _request_id(answer.headers))


def _built(kind: Any, content: Mapping[str, Any]) -> object:  # noqa: ANN401 - the library's models have no types
    try:
        built: object = kind.from_dict(content)
    except ValueError as error:
        # Its text repeats the content: only where it went wrong is kept.
        raise NotALineMessage(f"{kind.__name__}: {type(error).__name__}") from None
    return built


def _refusal(error: ApiException) -> ApiReply:
    content: Any = None
    with contextlib.suppress(ValueError, TypeError):  # not JSON: a proxy answered
        content = json.loads(error.body)
    content = content if isinstance(content, dict) else {}
    sent = content.get("sentMessages")
    first = sent[0] if isinstance(sent, list) and sent and isinstance(sent[0], dict) else {}
    says = content.get("message")
    return ApiReply(
        status=int(error.status),
        message_id=first["id"] if isinstance(first.get("id"), str) else None,
        request_id=_request_id(error.headers or {}),
        says=says if isinstance(says, str) else "",
    )


def _request_id(headers: Mapping[str, str]) -> str:
    return headers.get("x-line-accepted-request-id") or headers.get("x-line-request-id") or ""
