"""Requests to the double, held against Twilio's own OpenAPI description and what Twilio refuses beyond it."""

import base64
import json
import re
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from openapi_core import OpenAPI
from openapi_core.contrib.starlette import StarletteOpenAPIRequest, StarletteOpenAPIResponse
from openapi_core.exceptions import OpenAPIError
from starlette.datastructures import QueryParams
from starlette.responses import Response

from simulators.vendors.base import application
from simulators.vendors.base.world import Json
from simulators.vendors.twilio.world import ACCOUNT_SID, TOKEN

DESCRIPTION: Final = Path(__file__).resolve().parents[1] / "vendored" / "twilio_api_v2010.json"
LONGEST_BODY: Final = 1600
NOT_FOUND: Final = (404, 20404, "The requested resource was not found")
_LOGIN: Final = "Basic " + base64.b64encode(f"{ACCOUNT_SID}:{TOKEN}".encode()).decode()
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_SENDER: Final = re.compile(r"\+[1-9][0-9]{6,14}|MG[0-9a-fA-F]{32}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
Fields = QueryParams
"""The fields of a form."""


class TwilioRefusal(application.Refused):
    """Twilio refuses the request: HTTP status, its own code, and what is wrong."""

    def __init__(self, status: int, code: int, message: str) -> None:
        more = f"https://www.twilio.com/docs/errors/{code}"
        super().__init__(status, {"code": code, "message": message, "more_info": more, "status": status})


@cache
def description() -> Json:
    """Twilio's own description, cut to what the double serves, from where it serves it."""
    described: Json = json.loads(DESCRIPTION.read_text())
    return described | {"servers": [{"url": "/"}]}


@cache
def _api() -> OpenAPI:
    return OpenAPI.from_dict(description())


async def read(request: Request) -> Fields:
    """The fields of a request, as far as Twilio takes it. Raises Refused."""
    if request.headers.get("authorization") != _LOGIN:
        raise TwilioRefusal(401, 20003, "Authenticate")
    if f"/Accounts/{ACCOUNT_SID}/" not in request.url.path:
        raise TwilioRefusal(*NOT_FOUND)
    body = await request.body()
    await run_in_threadpool(_check_described, request, body)
    if request.method == "GET":
        return request.query_params
    fields = Fields(body.decode())
    resource = request.path_params["rest"].removesuffix(".json")
    _check_known(fields, resource)
    check = _check_message if resource == "Messages" else _check_call
    check(fields)
    return fields


FieldsOf = Annotated[Fields, Depends(read)]


def _check_described(request: Request, body: bytes) -> None:
    try:
        _api().validate_request(StarletteOpenAPIRequest(request, body))
    except OpenAPIError as error:
        cause = error.__cause__ or error
        raise TwilioRefusal(400, 20001, f"{type(cause).__name__}: {cause}") from None


def check_answer(request: Request, response: Response) -> None:
    """Raises OpenAPIError if our own answer is not one of Twilio's."""
    _api().validate_response(StarletteOpenAPIRequest(request), StarletteOpenAPIResponse(response))


def _check_known(fields: Fields, resource: str) -> None:
    """A field that Twilio does not know is a mistake of ours."""
    path = f"/2010-04-01/Accounts/{{AccountSid}}/{resource}.json"
    content = description()["paths"][path]["post"]["requestBody"]["content"]
    known = content["application/x-www-form-urlencoded"]["schema"]["properties"]
    for name in fields:
        if name not in known:
            raise TwilioRefusal(400, 20001, f"unknown field {name}")


def _check_message(fields: Fields) -> None:
    sender, body = fields.get("From") or fields.get("MessagingServiceSid", ""), fields.get("Body", "")
    validity_s = int(fields.get("ValidityPeriod") or 1)
    _check_to(fields)
    _refuse_if(not _SENDER.fullmatch(sender), 21212, f"{sender} is not a phone number, a shortcode or a sender ID")
    _refuse_if(not body, 21602, "Message body is required.")
    _refuse_if(len(body) > LONGEST_BODY, 21617, "The concatenated message body exceeds the 1600 character limit")
    _refuse_if(not 1 <= validity_s <= 36_000, 21623, "ValidityPeriod must be between 1 and 36000")
    _check_addresses(fields, "StatusCallback")


def _check_call(fields: Fields) -> None:
    timeout_s, detection = int(fields.get("Timeout") or 60), fields.get("MachineDetection", "")
    events = set(fields.getlist("StatusCallbackEvent"))
    _check_to(fields)
    _refuse_if(not _NUMBER.fullmatch(fields.get("From", "")), 21212, "From is not a valid phone number")
    _refuse_if(not fields.get("Url") and not fields.get("Twiml"), 21205, "Url parameter is required")
    _refuse_if(not 5 <= timeout_s <= 600, 21220, "Timeout must be between 5 and 600")
    _refuse_if(detection not in ("", "Enable", "DetectMessageEnd"), 21000, "MachineDetection is not one that is known")
    _refuse_if(not events <= {"initiated", "ringing", "answered", "completed"}, 21626, "invalid StatusCallbackEvent")
    _check_addresses(fields, "Url", "StatusCallback")


def _check_to(fields: Fields) -> None:
    to = fields.get("To", "")
    _refuse_if(not _NUMBER.fullmatch(to), 21211, f"The 'To' number {to} is not a valid phone number.")


def _check_addresses(fields: Fields, *names: str) -> None:
    for name in names:
        address = fields.get(name) or "https://"
        _refuse_if(not address.startswith(("http://", "https://")), 21609, f"{name} is not a valid URL")


def _refuse_if(wrong: bool, code: int, message: str) -> None:
    if wrong:
        raise TwilioRefusal(400, code, message)
