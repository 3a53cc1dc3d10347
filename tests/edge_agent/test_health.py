import socket
from pathlib import Path

import pytest

from contracts.health import MAX_SENSORS, SensorHealth
from edge_agent.health import SensorBook, disk_free_mb, sd_notify


def test_a_sensor_of_the_inventory_is_reported_as_never_seen_until_it_is():
    book = SensorBook(["hall", "door"])
    book.seen("hall", 5_000, battery_pct=80)
    book.seen("hall", 4_000, link=120)
    assert book.snapshot() == {"hall": SensorHealth(5_000, 80, 120), "door": SensorHealth()}


def test_a_heartbeat_never_holds_more_sensors_than_the_contract_allows():
    book = SensorBook()
    for i in range(MAX_SENSORS + 5):
        book.seen(f"s{i}", i)
    book.seen("s0", 9_999)
    assert len(book.snapshot()) == MAX_SENSORS
    assert book.snapshot()["s0"].seen_ms == 9_999


def test_free_space_is_measured_where_the_outbox_lies(tmp_path: Path):
    assert disk_free_mb(tmp_path / "outbox.db") > 0
    assert disk_free_mb(tmp_path / "gone" / "outbox.db") == 0


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool):
    name = f"@mimamori-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert sd_notify("READY=1")
        assert systemd.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not sd_notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not sd_notify("READY=1")
