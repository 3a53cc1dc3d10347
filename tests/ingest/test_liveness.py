from contracts.clock import ClockQuality
from contracts.health import GatewayState, Heartbeat, SensorHealth, SensorRole
from ingest.devices.liveness import assess, holds_against

NOW_MS = 1_767_236_400_000
HOUR_MS = 3_600_000
ROLES = {"living": SensorRole.ROOM, "hall": SensorRole.ROOM, "front": SensorRole.ENTRANCE}


def beat(sensors, *, backlog=0, uptime_s=10):
    return Heartbeat(NOW_MS, ClockQuality.SYNCED, 1, uptime_s, "e", 1, backlog, 0, 100, sensors)


def seen(hours_ago, **other):
    return SensorHealth(NOW_MS - round(hours_ago * HOUR_MS), **other)


def troubles(verdict):
    return {sensor: trouble for sensor, trouble in verdict.troubles.items() if trouble}


def test_an_empty_outbox_and_seen_sensors_prove_the_home():
    assert assess(beat({"living": seen(1), "hall": seen(25.9), "front": seen(900)}), ROLES).proven


def test_a_waiting_backlog_proves_nothing():
    assert not assess(beat({"living": seen(0)}, backlog=1), ROLES).proven


def test_one_silent_sensor_is_reported_and_does_not_end_the_watch_over_the_person():
    verdict = assess(beat({"living": seen(26), "hall": seen(1)}), ROLES)
    assert troubles(verdict) == {"living": "silent"}
    assert verdict.proven


def test_a_home_whose_every_room_sensor_is_silent_is_not_proven():
    verdict = assess(beat({"living": seen(26), "hall": seen(30), "front": seen(0)}), ROLES)
    assert troubles(verdict) == {"living": "silent", "hall": "silent"}
    assert not verdict.proven


def test_a_sensor_never_seen_has_a_day_of_grace_after_the_agent_started():
    assert troubles(assess(beat({}, uptime_s=25 * 3600), ROLES)) == {}
    assert troubles(assess(beat({}, uptime_s=26 * 3600), ROLES)) == {"living": "silent", "hall": "silent"}


def test_a_home_of_contacts_only_is_proven_by_its_gateway():
    assert assess(beat({"front": seen(500)}), {"front": SensorRole.ENTRANCE}).proven
    assert assess(beat({}), {}).proven


def test_a_low_battery_is_trouble_before_the_sensor_falls_silent():
    assert troubles(assess(beat({"front": seen(1, battery_pct=9.0)}), ROLES)) == {"front": "battery"}


def test_the_will_of_an_earlier_boot_is_no_news():
    assert not holds_against(GatewayState(online=False, boot=4), 5)
    assert holds_against(GatewayState(online=False, boot=5), 5)
    assert holds_against(GatewayState(online=True, boot=1), 5), "a new card counts its boots from one"
    assert holds_against(GatewayState(online=False, boot=5), None)


def test_a_heartbeat_is_kept_with_its_sensors(backend, cast):
    backend.send(backend.meta(), backend.heartbeat(cast.noon, battery_pct=50.0, link=200))
    gateway = backend.row("gateways")
    assert (gateway["online"], gateway["heartbeat_ms"], gateway["proven_ms"]) == (True, cast.noon, cast.noon)
    assert (gateway["clock_quality"], gateway["disk_free_mb"], gateway["agent"]) == (2, 500, "agent 1")
    living = next(row for row in backend.rows("sensors") if row["sensor"] == "living")
    assert (living["seen_ms"], living["battery_pct"], living["link"], living["role"]) == (cast.noon, 50.0, 200, "room")


def test_a_birth_and_a_will_are_kept_until_the_next(backend, cast):
    backend.send(backend.state(True, 3))
    assert backend.row("gateways")["online"]
    backend.send(backend.state(False, 2))
    assert backend.row("gateways")["online"], "the will of the boot before came late"
    backend.send(backend.state(False, 3))
    assert not backend.row("gateways")["online"]
    backend.send(backend.heartbeat(cast.noon))
    assert backend.row("gateways")["online"], "who sends heartbeats is there"
