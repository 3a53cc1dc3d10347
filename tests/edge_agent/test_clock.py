from pathlib import Path

from contracts.clock import ClockQuality
from edge_agent.clock import SystemClock, boot_token


def test_the_quality_follows_the_marker_of_the_time_daemon(tmp_path: Path):
    marker = tmp_path / "synchronized"
    clock = SystemClock(marker)
    assert clock.quality() is ClockQuality.NEVER_SYNCED
    marker.touch()
    assert clock.quality() is ClockQuality.SYNCED
    marker.unlink()
    assert clock.quality() is ClockQuality.HOLD_OVER


def test_a_machine_without_a_time_daemon_can_be_trusted_by_its_settings(tmp_path: Path):
    assert SystemClock(tmp_path / "none", assume_synced=True).quality() is ClockQuality.SYNCED


def test_the_monotonic_clock_runs_and_the_boot_has_a_name():
    clock = SystemClock()
    assert 0 < clock.monotonic_ms() <= clock.monotonic_ms()
    assert clock.wall_ms() > 1_600_000_000_000
    assert boot_token() == boot_token() != ""
