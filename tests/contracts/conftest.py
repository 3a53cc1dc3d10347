"""The golden payloads and how to read each."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from contracts.commands import decode_command, decode_config, decode_config_report, decode_result
from contracts.envelope import decode_ack, decode_batch, salvage_batch
from contracts.health import decode_heartbeat, decode_meta, decode_state

GOLDEN = Path(__file__).parent / "golden"
MANIFEST = json.loads((GOLDEN / "manifest.json").read_text(encoding="utf-8"))

Decoder = Callable[[bytes], Any]


def decoders(gateway: str, command_id: str) -> Mapping[str, Decoder]:
    """Each decoder by its name in the manifest, as a function of the payload alone."""
    return {
        "decode_batch": lambda payload: decode_batch(payload, gateway),
        "salvage_batch": lambda payload: salvage_batch(payload, gateway),
        "decode_heartbeat": lambda payload: decode_heartbeat(payload, gateway),
        "decode_state": lambda payload: decode_state(payload, gateway),
        "decode_meta": lambda payload: decode_meta(payload, gateway),
        "decode_ack": decode_ack,
        "decode_config": decode_config,
        "decode_config_report": decode_config_report,
        "decode_command": lambda payload: decode_command(payload, command_id),
        "decode_result": lambda payload: decode_result(payload, command_id),
    }


@dataclass(frozen=True)
class Golden:
    """One payload of the manifest: its bytes, what the manifest says of it, and its decoder."""

    entry: Mapping[str, Any]
    payload: bytes
    decode: Decoder


def load(entry: Mapping[str, Any]) -> Golden:
    command_id = entry["topic"].rpartition("/")[2]
    decode = decoders(MANIFEST["gateway"], command_id)[entry["decode"]]
    return Golden(entry, (GOLDEN / entry["file"]).read_bytes(), decode)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``golden`` runs once a good payload, ``broken`` once a malformed one."""
    for fixture, key in (("golden", "payloads"), ("broken", "broken")):
        if fixture in metafunc.fixturenames:
            entries = MANIFEST[key]
            metafunc.parametrize(fixture, [load(entry) for entry in entries], ids=[entry["file"] for entry in entries])


@pytest.fixture(scope="session")
def all_golden() -> list[Golden]:
    return [load(entry) for entry in MANIFEST["payloads"]]


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    return GOLDEN


@pytest.fixture(scope="session")
def every_decoder() -> Mapping[str, Decoder]:
    return decoders(MANIFEST["gateway"], "c-81f2")
