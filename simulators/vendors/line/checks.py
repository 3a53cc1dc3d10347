"""What LINE takes and what it refuses: a request is checked as strictly as the vendor's reference is worded.

Structure and types are checked with the models of the vendor's own library, which are made from its OpenAPI
description; a property that they do not know is refused. Limits that the description leaves to the reference are
checked here (https://developers.line.biz/en/reference/messaging-api/). Texts are counted in UTF-16 units.
"""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from linebot.v3.messaging import PushMessageRequest, ReplyMessageRequest

from simulators.vendors.base import application
from simulators.vendors.base.world import Json

USER_ID: Final = re.compile(r"U[0-9a-f]{32}")
_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?")
_KEY: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LIMITS: Final = {"text": 5_000, "altText": 400, "label": 20, "data": 300, "displayText": 300, "uri": 1_000}
_SCHEMES: Final = ("https://", "http://", "tel:", "line://")
_MOST_BYTES: Final = 30_000  # of one flex bubble
_DEFAULTS: Final = {"notificationDisabled": False}  # the models write these out


class LineRefusal(application.Refused):
    """The request is refused, with 400 unless said otherwise; ``details`` say where."""

    def __init__(self, message: str, *details: str, status: int = 400) -> None:
        where = {"details": [{"message": item} for item in details]} if details else {}
        super().__init__(status, {"message": message, **where}, new_request_id())


def new_request_id(given: str | None = None) -> dict[str, str]:
    """The header by which an answer is named."""
    return {"X-Line-Request-Id": given or str(uuid.uuid4())}


def check_key(key: str | None) -> None:
    """A retry key must be a UUID in hexadecimal with dashes."""
    if key is not None and not _KEY.fullmatch(key):
        raise LineRefusal("The value of the X-Line-Retry-Key header is invalid")


def read_push(raw: bytes) -> Json:
    """The body of a push. Raises Refused."""
    body = _read(PushMessageRequest, raw)
    if not USER_ID.fullmatch(body["to"]):
        raise LineRefusal("The property, 'to', in the request body is invalid (line: -, column: -)")
    return body


def read_reply(raw: bytes) -> Json:
    """The body of a reply. Raises Refused."""
    return _read(ReplyMessageRequest, raw)


def _read(model: Any, raw: bytes) -> Json:  # noqa: ANN401 - a model of the library, which has no types
    try:
        body: Json = json.loads(raw)
    except ValueError:
        raise LineRefusal("The request body is not valid JSON") from None
    try:
        understood = json.loads(json.dumps(model.from_dict(body).to_dict()))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise LineRefusal("The request body has 1 error(s)", f"{type(error).__name__}") from None
    problems = [*_unknown(body, understood, ""), *_problems(body, "")]
    if problems:
        raise LineRefusal(f"The request body has {len(problems)} error(s)", *problems)
    return body


def _unknown(given: object, understood: object, where: str) -> Iterator[str]:
    """What the model dropped: properties that the vendor does not know."""
    if isinstance(given, Mapping) and isinstance(understood, Mapping):
        for key, value in given.items():
            if key not in understood and _DEFAULTS.get(key) != value:
                yield f"{where}/{key}: unknown property"
            else:
                yield from _unknown(value, understood.get(key), f"{where}/{key}")
    elif isinstance(given, list) and isinstance(understood, list):
        for number, (left, right) in enumerate(zip(given, understood, strict=True)):
            yield from _unknown(left, right, f"{where}/{number}")
    elif given != understood:
        yield f"{where}: not understood"


def _problems(given: object, where: str) -> Iterator[str]:
    if isinstance(given, list):
        for number, item in enumerate(given):
            yield from _problems(item, f"{where}/{number}")
    elif isinstance(given, str) and any("\ud800" <= letter <= "\udfff" for letter in given):
        yield f"{where}: half a character"
    elif isinstance(given, Mapping):
        yield from _problems_of(given, where)
        for key, value in given.items():
            yield from _problems(value, f"{where}/{key}")


def _problems_of(item: Mapping[str, Any], where: str) -> Iterator[str]:
    for key, longest in _LIMITS.items():
        value = item.get(key)
        if isinstance(value, str) and not 1 <= len(value.encode("utf-16-le", "surrogatepass")) // 2 <= longest:
            yield f"{where}/{key}: must have 1 to {longest} characters"
    for key in ("color", "backgroundColor"):
        if key in item and not _COLOUR.fullmatch(str(item[key])):
            yield f"{where}/{key}: must be a colour such as #00FF00"
    match item.get("type"):
        case "uri" if not str(item.get("uri", "")).startswith(_SCHEMES):
            yield f"{where}/uri: invalid uri scheme"
        case "postback" if not item.get("label") or not item.get("data"):
            yield f"{where}: a postback needs a label and data"
        case "box" if not item.get("contents"):
            yield f"{where}/contents: must not be empty"
        case "bubble" if len(json.dumps(item, ensure_ascii=False).encode("utf-8", "surrogatepass")) > _MOST_BYTES:
            yield f"{where}: larger than 30 KB"
        case "template":
            yield from _template(item, where)
    quick = item.get("quickReply")
    if isinstance(quick, Mapping) and not 1 <= len(quick.get("items") or []) <= 13:
        yield f"{where}/quickReply/items: 1 to 13 items"


def _template(item: Mapping[str, Any], where: str) -> Iterator[str]:
    template = item.get("template") or {}
    longest = {"confirm": 240, "buttons": 160}.get(str(template.get("type")))
    if longest is not None and len(str(template.get("text", ""))) > longest:
        yield f"{where}/template/text: must have 1 to {longest} characters"
    if template.get("type") == "confirm" and len(template.get("actions") or []) != 2:
        yield f"{where}/template/actions: a confirm has two actions"
    if template.get("type") == "buttons" and not 1 <= len(template.get("actions") or []) <= 4:
        yield f"{where}/template/actions: one to four actions"
