"""The golden payloads: what a reader of version 1 must take, and what it must refuse and how."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from contracts.commands import encode_command, encode_config, encode_config_report, encode_result
from contracts.envelope import decode_batch, encode_ack, encode_batch, salvage_batch
from contracts.errors import ContractError
from contracts.events import Kind
from contracts.health import SensorRole, encode_heartbeat, encode_meta, encode_state
from contracts.topics import Leaf, parse_topic

NOT_AS_WE_WRITE_IT = {
    "ev-without-lo.json",
    "ev-of-a-later-minor-version.json",
    "ev-loosely-written.json",
    "hb-sensor-without-details.json",
    "meta-of-a-later-minor-version.json",
}


def as_json(decoded: Any) -> Any:
    return json.loads(json.dumps(dataclasses.asdict(decoded) if dataclasses.is_dataclass(decoded) else decoded))


def test_it_is_read_as_the_manifest_says(golden):
    assert as_json(golden.decode(golden.payload)) == golden.entry["decoded"]


def test_it_comes_on_a_topic_of_the_contract(golden):
    assert str(parse_topic(golden.entry["topic"])) == golden.entry["topic"]


def test_each_is_written_as_it_was_frozen(all_golden):
    """A change of the writer that other implementers would see changes a golden file, on purpose or not at all."""
    gateway = parse_topic(all_golden[0].entry["topic"]).gateway
    encoders = {
        "decode_batch": encode_batch,
        "decode_heartbeat": lambda heartbeat: encode_heartbeat(gateway, heartbeat),
        "decode_state": lambda state: encode_state(gateway, state),
        "decode_meta": lambda meta: encode_meta(gateway, meta),
        "decode_ack": encode_ack,
        "decode_config": encode_config,
        "decode_config_report": encode_config_report,
        "decode_command": encode_command,
        "decode_result": encode_result,
    }
    for golden in all_golden:
        if golden.entry["file"] not in NOT_AS_WE_WRITE_IT:
            written = encoders[golden.entry["decode"]](golden.decode(golden.payload))
            assert written == golden.payload, golden.entry["file"]


def test_what_is_broken_is_refused_for_its_reason(broken):
    with pytest.raises(ContractError) as caught:
        broken.decode(broken.payload)
    assert caught.value.reason == broken.entry["reason"]
    assert caught.value.detail.startswith(broken.entry["detail"])


def test_the_refusal_does_not_repeat_what_was_said(broken):
    """A value could be personal; its name and the allowed range are enough to fix it."""
    with pytest.raises(ContractError) as caught:
        broken.decode(broken.payload)
    assert not any(value in str(caught.value) for value in ("hello", "maybe", "open_door", "100001", "07:00", "あ"))


def test_each_file_is_in_the_manifest_and_each_entry_says_why(golden_folder: Path, all_golden):
    manifest = json.loads((golden_folder / "manifest.json").read_text(encoding="utf-8"))
    listed = [entry["file"] for entry in manifest["payloads"] + manifest["broken"]]
    there = [str(path.relative_to(golden_folder)) for path in golden_folder.rglob("*.json")]
    assert sorted([*listed, "manifest.json"]) == sorted(there)
    assert all(entry["means"] for entry in manifest["payloads"])
    assert all(entry["why"] for entry in manifest["broken"])


def test_every_topic_kind_role_and_decoder_has_a_golden_payload(all_golden, every_decoder):
    assert {parse_topic(golden.entry["topic"]).leaf for golden in all_golden} == set(Leaf)
    assert {golden.entry["decode"] for golden in all_golden} == set(every_decoder) - {"salvage_batch"}
    decoded = [golden.entry["decoded"] for golden in all_golden]
    kinds = {event["k"] for batch in decoded if isinstance(batch, dict) for event in batch.get("events", ())}
    assert kinds > set(Kind)
    roles = {sensor["role"] for meta in decoded if isinstance(meta, dict) for sensor in _listed(meta)}
    assert roles == set(SensorRole)


def _listed(message: dict[str, Any]) -> list[dict[str, Any]]:
    sensors = message.get("sensors", [])
    return sensors if isinstance(sensors, list) else []


def test_salvaging_a_good_batch_is_reading_it(all_golden):
    batches = [golden for golden in all_golden if golden.entry["decode"] == "decode_batch"]
    assert batches
    for golden in batches:
        gateway = parse_topic(golden.entry["topic"]).gateway
        assert salvage_batch(golden.payload, gateway) == (decode_batch(golden.payload, gateway), [])


def test_one_broken_event_does_not_take_its_neighbours_with_it(golden_folder: Path):
    message = json.loads((golden_folder / "ev-all-kinds.json").read_bytes())
    message["ev"][4]["x"]["w"] = 1e9
    message["ev"][7]["s"] = ""
    message["ev"][9]["x"].update({f"f{i}": i for i in range(40)})
    batch, rejected = salvage_batch(json.dumps(message).encode(), message["gw"])
    assert [event.n for event in batch.events] == [1, 2, 3, 4, 6, 7, 9, 11, 12, 13, 14]
    assert [(event.n, event.reason) for event in rejected] == [(5, "malformed"), (8, "malformed"), (10, "oversized")]
    assert rejected[0].detail == "ev[4].x.w must lie in [-100000, 100000] W"
    assert json.loads(rejected[0].raw) == message["ev"][4]


@pytest.mark.parametrize("number", [None, 0, "5", True, 2**53, 1.0])
def test_a_batch_with_an_event_that_nobody_can_name_is_refused_whole(golden_folder: Path, number: object):
    message = json.loads((golden_folder / "ev-all-kinds.json").read_bytes())
    message["ev"][4]["n"] = number
    with pytest.raises(ContractError):
        salvage_batch(json.dumps(message).encode(), message["gw"])
