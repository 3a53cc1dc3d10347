"""Whether a request is Twilio's: its signature covers the whole address and every field.

It is made with the address as Twilio knows it, so ours comes from the settings: behind a TLS proxy the request itself
says another one.
"""

import logging
from collections.abc import Sequence
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from alerts.channels.bounded import limited
from alerts.channels.twilio.settings import TwilioSettings
from alerts.counters import count_webhook

log = logging.getLogger(__name__)

LARGEST_BODY: Final = 64 * 1024
MOST_FIELDS: Final = 200
FORM: Final = "application/x-www-form-urlencoded"
Fields: TypeAlias = ImmutableMultiDict[str, str]


class SignedForms:
    """Reads webhooks, once it is sure that they are Twilio's.

    Args:
        settings: account and outer address.
        tokens: the auth token, and the former one while it is rotated.
    """

    def __init__(self, settings: TwilioSettings, tokens: Sequence[str]) -> None:
        self._account_sid = settings.account_sid
        self._public_url = settings.public_url.rstrip("/")
        self._validators = [RequestValidator(token) for token in tokens]

    async def read(self, request: Request, channel: str) -> Fields:
        """The fields of a request.

        Raises:
            HTTPException: they are not Twilio's, or are no form; counted under ``channel``.
        """
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise refused(channel, "not_a_form", 415)
        body = await limited(request.stream(), LARGEST_BODY)
        if body is None:
            raise refused(channel, "too_large", 413)
        try:
            fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        except ValueError:
            raise refused(channel, "not_a_form", 400) from None
        form: Fields = ImmutableMultiDict(fields)
        signature = request.headers.get("x-twilio-signature", "")
        url = self._public_url + _path_as_it_came(request)
        if not any(validator.validate(url, form, signature) for validator in self._validators):
            raise refused(channel, "bad_signature", 403)
        if form.get("AccountSid") != self._account_sid:
            raise refused(channel, "other_account", 403)
        return form


def _path_as_it_came(request: Request) -> str:
    """Path and query; a decoded path would sign another address."""
    path = request.scope["raw_path"].decode("ascii", "replace")
    query = request.scope["query_string"].decode("ascii", "replace")
    return f"{path}?{query}" if query else path


def refused(channel: str, why: str, status: int) -> HTTPException:
    """A request that changes nothing and is counted; ``why`` in a word."""
    count_webhook(channel, why)
    log.warning("a webhook of Twilio was refused: %s", why)
    return HTTPException(status, why)
