"""``docs/asyncapi.yaml`` says what the code does: other implementers have nothing else to go by."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from contracts.clock import ClockQuality
from contracts.commands import MAX_LINES, OUTCOMES, Verb
from contracts.envelope import LATEST_MS, MAX_EVENTS, MAX_MISSING_SPANS
from contracts.errors import ContractError
from contracts.events import FIELDS, MAX_FIELDS, MAX_TEXT, Choice, Flag, Kind, Press, Quantity
from contracts.health import HEARTBEAT_S, MAX_SENSORS, SensorRole
from contracts.strict import MAX_BYTES, MAX_DEPTH, MAX_INT, VERSION
from contracts.topics import DOWN, RETAINED, ROOT, UP, Leaf, parse_topic, subscription

PATH = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"
DOCUMENT = yaml.safe_load(PATH.read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]


def resolve(reference: str) -> Any:
    assert reference.startswith("#/"), f"{reference} points outside the document"
    place = DOCUMENT
    for step in reference[2:].split("/"):
        assert step in place, f"{reference} points at nothing"
        place = place[step]
    return place


def resolved(value: Any) -> Any:
    return resolve(value["$ref"]) if isinstance(value, dict) and "$ref" in value else value


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def validator(payload: dict[str, Any]) -> Draft7Validator:
    """Of one schema of the document, with the others within reach."""
    registry: Registry[Any] = Registry().with_resource("urn:doc", Resource(DOCUMENT, DRAFT7))
    pointer = payload["$ref"]
    return Draft7Validator({"$ref": f"urn:doc{pointer}"}, registry=registry)


def channel_of(topic: str) -> dict[str, Any]:
    leaf = parse_topic(topic).leaf
    (channel,) = [channel for channel in DOCUMENT["channels"].values() if leaf_of(channel) is leaf]
    return channel


def leaf_of(channel: dict[str, Any]) -> Leaf:
    return Leaf(channel["address"].removeprefix(f"{ROOT}/{{gw}}/").removesuffix("/{id}"))


def refuses(topic: str, payload: bytes) -> bool:
    """Whether somebody who has only a JSON parser and this document would refuse the payload."""
    try:
        message = json.loads(payload.decode(), parse_constant=_no_constant)
    except ValueError:
        return True
    ((_, message_reference),) = channel_of(topic)["messages"].items()
    return not validator(resolved(message_reference)["payload"]).is_valid(message)


def _no_constant(name: str) -> None:
    raise ValueError(name)


# ---- the document's own structure ----


def test_it_has_what_a_document_needs():
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert set(DOCUMENT) >= {"info", "servers", "channels", "operations", "components", "defaultContentType"}
    assert {"title", "version", "description"} <= set(DOCUMENT["info"])
    assert all({"host", "protocol"} <= set(server) for server in DOCUMENT["servers"].values())


def test_every_reference_points_at_something():
    found = set(references(DOCUMENT))
    assert len(found) > 50
    for reference in found:
        resolve(reference)


def test_every_component_is_used():
    used = set(references(DOCUMENT))
    for section, components in DOCUMENT["components"].items():
        for name in components:
            assert f"#/components/{section}/{name}" in used, f"nothing uses {section}/{name}"


def test_every_schema_is_a_good_schema():
    for schema in SCHEMAS.values():
        Draft7Validator.check_schema(schema)


def test_every_channel_is_sent_by_one_side_and_received_by_the_other():
    for name, channel in DOCUMENT["channels"].items():
        sides = {
            (operation["tags"][0]["name"], operation["action"])
            for operation in DOCUMENT["operations"].values()
            if operation["channel"]["$ref"] == f"#/channels/{name}"
        }
        up = leaf_of(channel) in UP
        assert sides == {("agent", "send" if up else "receive"), ("backend", "receive" if up else "send")}, name


def test_an_operation_carries_messages_of_its_channel():
    for operation in DOCUMENT["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")


def test_every_address_names_its_parameters_and_they_are_explained():
    for channel in DOCUMENT["channels"].values():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == set(channel["parameters"])
        assert all(resolved(parameter)["description"] for parameter in channel["parameters"].values())


# ---- the document against the code ----


def test_topics_directions_and_retained_flags_are_those_of_the_code():
    addresses = {leaf_of(channel): channel["address"] for channel in DOCUMENT["channels"].values()}
    assert set(addresses) == set(Leaf) == {*UP, *DOWN}
    for leaf, address in addresses.items():
        assert re.sub(r"\{\w+\}", "+", address) == subscription(leaf)
    for name, operation in DOCUMENT["operations"].items():
        binding = resolved(operation["bindings"])["mqtt"]
        leaf = leaf_of(resolve(operation["channel"]["$ref"]))
        assert binding["qos"] == 1, name
        assert binding["retain"] == (leaf in RETAINED), name
        assert binding["bindingVersion"] == "0.2.0", name


def test_the_limits_are_those_of_the_code():
    assert SCHEMAS["Version"]["const"] == VERSION
    assert DOCUMENT["info"]["x-max-payload-bytes"] == MAX_BYTES
    assert SCHEMAS["Batch"]["properties"]["ev"]["maxItems"] == MAX_EVENTS
    assert SCHEMAS["Ack"]["properties"]["miss"]["maxItems"] == MAX_MISSING_SPANS
    assert SCHEMAS["Count"]["maximum"] == SCHEMAS["EventNumber"]["maximum"] == MAX_INT
    assert SCHEMAS["WallMs"]["maximum"] == LATEST_MS
    assert SCHEMAS["SensorHealth"]["properties"]["seen"]["maximum"] == LATEST_MS
    assert SCHEMAS["Config"]["properties"]["ask_at"]["maximum"] == LATEST_MS
    assert SCHEMAS["SensorId"]["maxLength"] == MAX_TEXT
    assert SCHEMAS["Lines"]["maxLength"] == MAX_LINES
    assert SCHEMAS["Event"]["properties"]["x"]["maxProperties"] == MAX_FIELDS
    assert SCHEMAS["Heartbeat"]["properties"]["sensors"]["maxProperties"] == MAX_SENSORS
    assert SCHEMAS["Meta"]["properties"]["sensors"]["maxItems"] == MAX_SENSORS
    assert f"nested at most {MAX_DEPTH} deep" in SCHEMAS["Kept"]["description"]


def test_the_heartbeat_comes_as_often_as_the_code_says():
    operation = DOCUMENT["operations"]["agentSendsHeartbeat"]
    assert operation["x-interval-seconds"] == HEARTBEAT_S
    assert f"Every {HEARTBEAT_S // 60} minutes" in operation["summary"]
    assert operation["bindings"]["mqtt"]["messageExpiryInterval"] > HEARTBEAT_S


def test_the_kinds_with_their_fields_units_and_ranges_are_those_of_the_code():
    documented = {
        rule["if"]["properties"]["k"]["const"]: resolved(rule["then"]["properties"]["x"])
        for rule in SCHEMAS["Event"]["allOf"]
    }
    assert set(documented) == set(Kind) == set(FIELDS)
    for kind, rules in FIELDS.items():
        assert set(documented[kind]["required"]) == set(documented[kind]["properties"]) == set(rules)
        for name, rule in rules.items():
            schema = documented[kind]["properties"][name]
            match rule:
                case Flag():
                    assert schema["type"] == "boolean"
                case Quantity(unit, least, most):
                    assert (schema["type"], schema["x-unit"]) == ("number", unit)
                    assert (schema["minimum"], schema["maximum"]) == (least, most)
                case Choice(words):
                    assert schema["enum"] == list(words)
    assert all(kind in SCHEMAS["Event"]["properties"]["k"]["description"] for kind in Kind)


def test_the_words_are_those_of_the_code():
    assert SCHEMAS["Sensor"]["properties"]["role"]["examples"] == list(SensorRole)
    assert SCHEMAS["ClockQuality"]["enum"] == list(ClockQuality)
    assert SCHEMAS["ButtonFields"]["properties"]["press"]["enum"] == list(Press)
    assert SCHEMAS["Command"]["properties"]["verb"]["enum"] == list(Verb)
    assert SCHEMAS["Result"]["properties"]["outcome"]["enum"] == list(OUTCOMES)


def test_every_field_we_write_is_documented(all_golden):
    """Of the messages as our own writers make them; a later version's extra fields are in files of their own."""
    for golden in all_golden:
        if "later-minor" in golden.entry["file"]:
            continue
        ((_, reference),) = channel_of(golden.entry["topic"])["messages"].items()
        schema = resolve(resolved(reference)["payload"]["$ref"])
        message = json.loads(golden.payload)
        assert set(message) <= set(schema["properties"]), golden.entry["file"]
        for event in message.get("ev", []):
            assert set(event) <= set(SCHEMAS["Event"]["properties"])


# ---- payloads against the document ----


def test_a_golden_payload_is_valid(golden):
    ((_, reference),) = channel_of(golden.entry["topic"])["messages"].items()
    schema = validator(resolved(reference)["payload"])
    assert [error.message for error in schema.iter_errors(json.loads(golden.payload))] == []


def test_a_broken_payload_is_invalid_when_the_trouble_is_its_shape(broken):
    """What a schema cannot say (numbers that ascend, whose gateway it is) is marked in the manifest."""
    assert refuses(broken.entry["topic"], broken.payload) == broken.entry["schema_refuses"]


def test_most_of_what_is_refused_is_refused_by_the_document_alone(golden_folder: Path):
    broken = json.loads((golden_folder / "manifest.json").read_text(encoding="utf-8"))["broken"]
    assert sum(entry["schema_refuses"] for entry in broken) >= 0.7 * len(broken)


def test_the_examples_are_valid_and_the_code_reads_them(every_decoder):
    names = {"batch": "batch", "configReport": "config_report"}
    for name, message in DOCUMENT["components"]["messages"].items():
        assert message["examples"], name
        for example in message["examples"]:
            assert validator(message["payload"]).is_valid(example["payload"]), example["name"]
            every_decoder[f"decode_{names.get(name, name)}"](json.dumps(example["payload"]).encode())


def test_the_last_will_of_the_document_is_one(every_decoder):
    will = DOCUMENT["servers"]["council"]["bindings"]["mqtt"]["lastWill"]
    assert not every_decoder["decode_state"](will["message"].encode()).online
    assert (will["qos"], will["retain"]) == (1, True)
    assert will["topic"] == DOCUMENT["channels"]["state"]["address"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("change", ["exchange", "remove", "add"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_document_refuses_nothing_that_the_code_takes(data: st.DataObject, all_golden, change: str):
    """Somebody who follows the document and somebody who follows the code can talk to each other."""
    golden = data.draw(st.sampled_from(all_golden))
    message = json.loads(golden.payload)
    holder, key = data.draw(st.sampled_from(list(places(message))))
    if change == "exchange":
        holder[key] = data.draw(values)
    elif change == "remove":
        del holder[key]
    elif isinstance(holder, dict):
        holder[data.draw(st.text(max_size=6))] = data.draw(values)
    payload = json.dumps(message).encode()
    try:
        golden.decode(payload)
    except ContractError:
        return
    assert not refuses(golden.entry["topic"], payload)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    holder = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(holder):
        yield value, key
        yield from places(inner)
