"""Whatever comes over the wire, a decoder gives a message or a ContractError, never another exception."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts.errors import ContractError, InvalidTopic, OversizedMessage
from contracts.strict import MAX_BYTES, load
from contracts.topics import Topic, parse_topic

REASONS = {"malformed", "oversized", "unknown_version", "foreign_gateway", "invalid_topic"}
generous = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

HARD_NUMBERS = [0, 1, -1, 2**53 - 1, 2**53, 2**63, 10**400, -(10**400), 1e308, 5e-324, -0.0]
HARD_TEXTS = [
    "",
    "\0",
    "\ud800",
    "\udfff\ud800",
    "a" * 129,
    "あ" * 501,
    "\u2028",
    "mim/v1",
    "help",
    "1",
    "NaN",
    "\x9f",
    "\n",
]
numbers = (
    st.integers()
    | st.integers(min_value=-(2**70), max_value=2**70)
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.sampled_from(HARD_NUMBERS)
)
texts = st.text(max_size=12) | st.sampled_from(HARD_TEXTS)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def attempt(decode: Any, payload: bytes) -> Any:
    try:
        return decode(payload)
    except ContractError as error:
        refused = error
    assert refused.reason in REASONS
    assert refused.detail
    refused.detail.encode()  # it goes into the quarantine table
    return None


def storable(decoded: Any) -> None:
    """What was taken can be written as UTF-8 and as JSON, and holds no NUL in a text: every store can keep it."""
    text = repr(decoded)
    text.encode()
    assert "\\x00" not in text.replace("\\\\", "")
    batch = decoded[0] if isinstance(decoded, tuple) else decoded
    for event in getattr(batch, "events", ()):
        json.dumps(event.x, allow_nan=False, ensure_ascii=False).encode()
        assert 0 <= event.t * 1_000_000 + 999_999 < 2**63


@generous
@given(payload=st.binary(max_size=300))
@example(payload=b"[" * 200_000)
@example(payload=b'{"a":' * 200_000)
@example(payload=b'{"v":' + b"9" * 5_000 + b"}")
@example(payload=b'{"v":-' + b"9" * 4_000 + b"}")
@example(payload=b'"\\ud800"')
@example(payload=b'{"v":1e999999999}')
@example(payload=b'{"v":' + b"0" * 200_000 + b"}")
def test_any_bytes(payload: bytes, every_decoder):
    for decode in every_decoder.values():
        attempt(decode, payload)


@generous
@given(message=anything)
def test_any_json(message: Any, every_decoder):
    payload = json.dumps(message).encode()
    for decode in every_decoder.values():
        attempt(decode, payload)


@generous
@given(data=st.data())
def test_a_good_payload_with_some_bytes_changed(data: st.DataObject, all_golden):
    golden = data.draw(st.sampled_from(all_golden))
    payload = bytearray(golden.payload)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(payload) - 1))
        match data.draw(st.sampled_from(["change", "remove", "insert", "cut"])):
            case "change":
                payload[place] = data.draw(st.integers(0, 255))
            case "remove" if len(payload) > 1:
                del payload[place]
            case "insert":
                payload.insert(place, data.draw(st.integers(0, 255)))
            case "cut" if place:
                del payload[place:]
    attempt(golden.decode, bytes(payload))


@settings(generous, max_examples=300)
@given(data=st.data(), ascii_only=st.booleans())
def test_a_good_payload_with_one_value_exchanged_for_any_other(
    data: st.DataObject, all_golden, every_decoder, ascii_only: bool
):
    golden = data.draw(st.sampled_from(all_golden))
    message = json.loads(golden.payload)
    place, key = data.draw(st.sampled_from(list(places(message))))
    match data.draw(st.sampled_from(["exchange", "remove", "add"])):
        case "exchange":
            place[key] = data.draw(anything)
        case "remove":
            del place[key]
        case "add" if isinstance(place, dict):
            place[data.draw(texts)] = data.draw(anything)
    try:
        payload = json.dumps(message, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        payload = json.dumps(message).encode()
    for decode in (golden.decode, every_decoder["salvage_batch"]):
        decoded = attempt(decode, payload)
        if decoded is not None:
            storable(decoded)


def test_every_hard_value_at_every_place_of_a_good_payload(all_golden, every_decoder):
    for golden in all_golden:
        message = json.loads(golden.payload)
        for holder, key in list(places(message)):
            for value in (*HARD_TEXTS, *HARD_NUMBERS):
                original, holder[key] = holder[key], value
                payload = json.dumps(message).encode()
                holder[key] = original
                for decode in (golden.decode, every_decoder["salvage_batch"]):
                    decoded = attempt(decode, payload)
                    if decoded is not None:
                        storable(decoded)


def places(value: Any):
    """Every place in a JSON value at which something stands: the holder and the key or index."""
    holder = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(holder):
        yield value, key
        yield from places(inner)


@generous
@given(text=st.text(max_size=80) | st.from_regex(r"mim/v1/[^/]{0,70}/[a-z]{1,8}(/.{0,70})?", fullmatch=True))
@example(text="mim/v1/gw/ev\n")
@example(text="mim/v1/gw/cmd/")
@example(text="mim/v1/ｇｗ/ev")
def test_any_topic(text: str):
    try:
        topic = parse_topic(text)
    except InvalidTopic:
        return
    assert isinstance(topic, Topic)
    assert str(topic) == text


def test_a_payload_of_the_largest_size_is_read_and_one_more_byte_is_not(every_decoder):
    largest = b'{"v":1}' + b" " * (MAX_BYTES - 7)
    assert load(largest).integer("v", 0, 9) == 1
    for decode in every_decoder.values():
        with pytest.raises(OversizedMessage):
            decode(largest + b" ")
