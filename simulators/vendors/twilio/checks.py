"""Requests to the double, held against Twilio's own OpenAPI description and what Twilio refuses beyond it."""

import base64
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from starlette.datastructures import Headers, ImmutableMultiDict

DESCRIPTION: Final = Path(__file__).resolve().parents[1] / "vendored" / "twilio_api_v2010.json"
LONGEST_BODY: Final = 1600
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_SENDER: Final = re.compile(r"\+[1-9][0-9]{6,14}|MG[0-9a-fA-F]{32}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")


class Refused(Exception):
    """Twilio refuses the request: HTTP status, its own code, and what is wrong."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class ApiRequest:
    """A request as openapi-core reads it."""

    def __init__(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> None:
        self.method = method.lower()
        self.host_url = "https://api.twilio.com"
        self.path = path
        self.body = body
        self.content_type = headers.get("content-type", "")
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(parse_qsl(query, keep_blank_values=True)), header=headers, cookie={}
        )


class ApiResponse:
    """An answer of ours as openapi-core reads it."""

    def __init__(self, status: int, content: bytes) -> None:
        self.status_code = status
        self.data = content
        self.content_type = "application/json"
        self.headers: dict[str, str] = {}


@cache
def description() -> dict[str, Any]:
    """Twilio's own description, cut to what the double serves."""
    read: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return read


@cache
def _api() -> OpenAPI:
    return OpenAPI.from_dict(description())


def check_request(request: ApiRequest) -> None:
    """Raises Refused for what the description does not allow."""
    try:
        _api().validate_request(request)
    except OpenAPIError as error:
        cause = error.__cause__ or error
        raise Refused(400, 20001, f"{type(cause).__name__}: {cause}") from None


def check_answer(request: ApiRequest, response: ApiResponse) -> None:
    """Raises OpenAPIError if our own answer is not one of Twilio's."""
    _api().validate_response(request, response)


def check_account(headers: Headers, path: str, account_sid: str, token: str) -> None:
    """Raises Refused for another account or token."""
    expected = "Basic " + base64.b64encode(f"{account_sid}:{token}".encode()).decode()
    if headers.get("authorization") != expected:
        raise Refused(401, 20003, "Authenticate")
    if f"/Accounts/{account_sid}/" not in path:
        raise Refused(404, 20404, "The requested resource was not found")


def read_form(body: bytes, resource: str) -> dict[str, list[str]]:
    """The fields of a request that makes something; one that Twilio does not know is a mistake of ours."""
    path = f"/2010-04-01/Accounts/{{AccountSid}}/{resource}.json"
    content = description()["paths"][path]["post"]["requestBody"]["content"]
    known = content["application/x-www-form-urlencoded"]["schema"]["properties"]
    fields: dict[str, list[str]] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        if name not in known:
            raise Refused(400, 20001, f"unknown field {name}")
        fields.setdefault(name, []).append(value)
    return fields


def check_message(fields: dict[str, list[str]]) -> None:
    """Raises Refused for what Twilio refuses of a message."""
    _check_to(fields)
    sender = one(fields, "From") or one(fields, "MessagingServiceSid")
    if not _SENDER.fullmatch(sender):
        raise Refused(400, 21212, f"The 'From' number {sender} is not a valid phone number, shortcode, or sender ID")
    body = one(fields, "Body")
    if not body:
        raise Refused(400, 21602, "Message body is required.")
    if len(body) > LONGEST_BODY:
        raise Refused(400, 21617, "The concatenated message body exceeds the 1600 character limit")
    validity = one(fields, "ValidityPeriod")
    if validity and not 1 <= int(validity) <= 36_000:
        raise Refused(400, 21623, "ValidityPeriod must be between 1 and 36000")
    _check_callback(fields, "StatusCallback")


def check_call(fields: dict[str, list[str]]) -> None:
    """Raises Refused for what Twilio refuses of a call."""
    _check_to(fields)
    if not _NUMBER.fullmatch(one(fields, "From")):
        raise Refused(400, 21212, "From is not a valid phone number")
    if not one(fields, "Url") and not one(fields, "Twiml"):
        raise Refused(400, 21205, "Url parameter is required")
    timeout = one(fields, "Timeout")
    if timeout and not 5 <= int(timeout) <= 600:
        raise Refused(400, 21220, "Timeout must be between 5 and 600")
    if one(fields, "MachineDetection") not in ("", "Enable", "DetectMessageEnd"):
        raise Refused(400, 21000, "MachineDetection must be Enable or DetectMessageEnd")
    events = set(fields.get("StatusCallbackEvent", []))
    if not events <= {"initiated", "ringing", "answered", "completed"}:
        raise Refused(400, 21626, "invalid StatusCallbackEvent")
    _check_callback(fields, "Url", "StatusCallback")


def one(fields: dict[str, list[str]], name: str) -> str:
    """A field's only value, or nothing."""
    return fields.get(name, [""])[0]


def _check_to(fields: dict[str, list[str]]) -> None:
    if not _NUMBER.fullmatch(one(fields, "To")):
        raise Refused(400, 21211, f"The 'To' number {one(fields, 'To')} is not a valid phone number.")


def _check_callback(fields: dict[str, list[str]], *names: str) -> None:
    for name in names:
        if one(fields, name) and not one(fields, name).startswith(("http://", "https://")):
            raise Refused(400, 21609, f"{name} is not a valid URL")
