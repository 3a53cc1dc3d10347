"""What a broken or malicious gateway can send: it goes to quarantine with its reason, and nothing else happens."""

import json

import pytest

from contracts.envelope import Ack
from contracts.health import GatewayState
from contracts.strict import MAX_BYTES
from contracts.topics import Leaf
from ingest.devices.devices import MOST_UNREGISTERED, UnregisteredGateways
from ingest.intake.decode import Arrival
from store.retention import erase_person


def message(cast, **changes):
    item = {"n": 1, "t": cast.noon, "q": 2, "m": 1, "s": "living", "k": "motion", "x": {"motion": True}, "bf": False}
    return {"v": 1, "gw": cast.gateway, "e": cast.epoch, "b": 1, "ev": [item]} | changes


def item(cast, **changes):
    return message(cast)["ev"][0] | changes


WHOLE = {
    "not JSON": (lambda _: b"{", "malformed", "not JSON"),
    "not UTF-8": (lambda _: b"\xff\xfe", "malformed", "not UTF-8"),
    "empty": (lambda _: b"", "malformed", "not JSON"),
    "an array": (lambda _: [], "malformed", "must be an object"),
    "nested too deep": (lambda _: b"[" * 100_000, "malformed", "not JSON"),
    "no events": (lambda cast: message(cast, ev=[]), "malformed", "1 to 200"),
    "no epoch": (lambda cast: {k: v for k, v in message(cast).items() if k != "e"}, "malformed", "e is missing"),
    "half a character": (lambda cast: message(cast, e="\ud800"), "malformed", "half a character"),
    "NUL in the epoch": (lambda cast: message(cast, e="a\0b"), "malformed", "control character"),
    "too many bytes": (lambda _: b" " * (MAX_BYTES + 1), "oversized", "bytes"),
    "too many events": (lambda cast: message(cast, ev=[item(cast, n=n) for n in range(1, 202)]), "oversized", "201"),
    "another home's gateway": (lambda cast: message(cast, gw="gw-2"), "foreign_gateway", "gw"),
    "unknown version": (lambda cast: message(cast, v=2), "unknown_version", "v is 2"),
    "number below one": (lambda cast: message(cast, ev=[item(cast, n=0)]), "malformed", "ev[0].n"),
    "number past exactness": (lambda cast: message(cast, ev=[item(cast, n=2**53)]), "malformed", "ev[0].n"),
    "numbers that do not ascend": (
        lambda cast: message(cast, ev=[item(cast, n=2), item(cast, n=2)]),
        "malformed",
        "ascend",
    ),
}


@pytest.mark.parametrize(("payload", "reason", "detail"), WHOLE.values(), ids=WHOLE.keys())
def test_a_broken_message_is_quarantined_with_its_reason_and_not_acked(backend, cast, payload, reason, detail):
    backend.register("home-2", "gw-2")
    raw = backend.raw(payload(cast))
    assert backend.send(raw) == {}
    row = backend.row("quarantine")
    assert (row["gateway"], row["reason"], row["epoch"], row["n"]) == (cast.gateway, reason, None, None)
    assert detail in row["detail"]
    assert row["payload"] == raw.payload[: 64 * 1024]
    assert backend.stored() == backend.stored("gw-2") == []
    assert backend.pipeline.counts.quarantined == 1


@pytest.mark.parametrize("topic", ["mim/v1/gw-1/nonsense", "mim/v2/gw-1/ev", "x", "mim/v1/gw-1/ack", "a\0\ud800" * 300])
def test_a_topic_that_is_none_of_ours_is_quarantined(backend, cast, topic):
    raw = backend.raw(message(cast))
    backend.send(type(raw)(topic, raw.payload, cast.noon))
    assert backend.row("quarantine")["reason"] == "invalid_topic"


@pytest.mark.parametrize(
    "change",
    [
        {"k": "power", "x": {"w": 1e9}},
        {"k": "power", "x": {"w": "many"}},
        {"k": "power", "x": {}},
        {"q": 3},
        {"t": -5},
        {"t": 10**15},
        {"x": {"motion": 1}},
        {"s": ""},
        {"s": "a\0b"},
        {"x": {"motion": True, "more": 2**80}},
        {"bf": None},
    ],
    ids=str,
)
def test_one_broken_event_is_set_aside_by_its_key_and_does_not_hold_back_the_others(backend, cast, change):
    events = [item(cast), item(cast, n=2, **change), item(cast, n=3)]
    raw = backend.raw(message(cast, ev=events))
    assert backend.send(raw) == {(cast.gateway, cast.epoch): Ack(cast.epoch, 3)}
    assert backend.send(raw) == {(cast.gateway, cast.epoch): Ack(cast.epoch, 3)}, "a resend is handled as well"
    assert backend.stored() == [1, 3]
    row = backend.row("quarantine")
    assert (row["epoch"], row["n"], row["reason"]) == (cast.epoch, 2, "malformed")
    cursor = backend.row("cursors")
    assert (cursor["events"], cursor["quarantined"]) == (2, 1)


@pytest.mark.parametrize(
    "off_ms", [2 * 3_600_000, 50 * 365 * 86_400_000, -2 * 365 * 86_400_000, -55 * 365 * 86_400_000]
)
def test_a_call_for_help_is_never_set_aside_for_its_clock(backend, cast, off_ms):
    batch = backend.batch([cast.press(1, cast.noon + off_ms, "help")], leaf=Leaf.PRIORITY, now=cast.noon)
    assert backend.send(batch) == {(cast.gateway, cast.epoch): Ack(cast.epoch, 1)}
    assert (backend.stored(), backend.rows("quarantine")) == ([1], [])
    assert backend.said_ms("help") == cast.noon


@pytest.mark.parametrize(
    ("off_ms", "bf", "taken"),
    [
        (50 * 365 * 86_400_000, False, False),
        (2 * 3_600_000, False, False),
        (2 * 3_600_000, True, False),
        (60_000, False, True),
        (-86_400_000, False, True),
        (-2 * 365 * 86_400_000, False, False),
        (-2 * 365 * 86_400_000, True, True),
        (-40 * 365 * 86_400_000, True, False),
    ],
)
def test_an_event_of_a_clock_that_is_years_off_is_set_aside_and_counts_as_handled(backend, cast, off_ms, bf, taken):
    batch = backend.batch([cast.event(1, cast.noon + off_ms, bf=bf)], now=cast.noon)
    assert backend.send(batch) == {(cast.gateway, cast.epoch): Ack(cast.epoch, 1)}
    assert backend.stored() == ([1] if taken else [])
    assert [row["reason"] for row in backend.rows("quarantine")] == ([] if taken else ["clock"])
    sign = backend.rows("live_states")[0]["last_sign_ms"]
    assert sign is None or sign <= cast.noon


def test_without_a_limit_of_age_old_events_are_taken(make_backend, cast):
    from ingest.settings import IngestSettings

    backend = make_backend(settings=IngestSettings(max_lag_s=None))
    backend.register()
    backend.send(backend.batch([cast.event(1, cast.noon - 5000 * cast.day)], now=cast.noon))
    assert backend.stored() == [1]


def test_the_same_broken_message_again_and_again_fills_no_disk(backend, cast):
    for _ in range(5):
        backend.send(backend.raw(b"{"))
    assert len(backend.rows("quarantine")) == 1
    for i in range(80):
        backend.send(backend.raw(b"{%d" % i))
    rows = backend.rows("quarantine")
    assert len(rows) == 50
    assert rows[-1]["payload"] == b"{79"


def test_events_of_an_unregistered_gateway_stay_on_the_device_and_leave_a_few_rows(backend, cast):
    for n in range(1, 10):
        assert backend.send(backend.batch([cast.event(n, cast.noon)], gateway="gw-x")) == {}
    rows = backend.rows("quarantine")
    assert {row["reason"] for row in rows} == {"unknown_gateway"}
    assert len(rows) == 3
    assert "register" in rows[0]["detail"]
    assert backend.stored("gw-x") == []
    assert backend.rows("cursors") == []


def test_what_an_unregistered_gateway_says_about_itself_is_not_stored_and_leaves_one_row(backend, cast):
    for minute in range(0, 30, 5):
        now = cast.noon + minute * cast.minute
        backend.send(
            backend.heartbeat(now, gateway="stranger"),
            backend.state(True, gateway="stranger", now=now),
            backend.meta(gateway="stranger", now=now),
        )
    assert backend.rows("gateways") == backend.rows("sensors") == []
    row = backend.row("quarantine")
    assert (row["gateway"], row["reason"], row["payload"]) == ("stranger", "unknown_gateway", b"")
    assert backend.pipeline.counts.quarantined == 1


def test_the_devices_of_an_erased_person_leave_no_trace_when_they_go_on_talking(backend, cast):
    backend.send(backend.meta(), backend.heartbeat(cast.noon))
    backend.send(backend.batch([cast.event(1, cast.noon)]))
    erase_person(backend.engine, backend.timeseries, f"person-of-{cast.home}", "test", cast.noon)
    backend.send(backend.heartbeat(cast.noon + cast.minute), backend.state(False), backend.meta())
    assert backend.rows("gateways") == backend.rows("sensors") == []
    assert backend.row("quarantine")["payload"] == b""


def test_a_gateway_that_was_running_before_its_home_was_registered_is_known_with_its_sensors(backend, cast):
    news = {"gateway": "early"}
    backend.send(backend.state(True, boot=3, **news), backend.meta(**news))
    backend.send(backend.batch([cast.event(1, cast.noon)], gateway="early"))
    backend.register("home-9", "early")
    backend.send(backend.batch([cast.event(1, cast.noon, "front")], gateway="early"))
    assert {row["sensor"]: row["role"] for row in backend.rows("sensors")} == {
        "front": "entrance",
        "living": "room",
        "fridge": "object",
    }
    assert (backend.row("gateways")["online"], backend.row("gateways")["boot"]) == (True, 3)
    assert backend.core.registered_homes.home_of("early").roles["front"] == "entrance"


def test_what_a_gateway_said_before_its_home_was_registered_outlives_a_failed_commit(backend, cast, monkeypatch):
    backend.send(backend.meta(gateway="early"))
    backend.register("home-9", "early")
    beat = backend.heartbeat(cast.noon, gateway="early")
    with monkeypatch.context() as patch:
        patch.setattr("ingest.pipeline.write_rows", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            backend.send(beat)
    assert backend.rows("sensors") == []
    backend.send(beat)
    assert len(backend.rows("sensors")) == 3


def test_of_very_many_strangers_the_newest_are_remembered(cast):
    strangers = UnregisteredGateways()
    for number in range(MOST_UNREGISTERED + 5):
        strangers.remember(Arrival(f"gw{number}", Leaf.STATE, cast.noon, "a topic", GatewayState(True, 1)))
    remembered = [number for number in range(MOST_UNREGISTERED + 5) if strangers.pending(f"gw{number}")]
    assert remembered == list(range(5, MOST_UNREGISTERED + 5))


def test_an_outbox_full_of_gaps_is_refused(backend, cast):
    for start in range(1, 12_001, 400):
        events = [cast.event(n, cast.noon) for n in range(start + 1, start + 401, 2)]
        backend.send(backend.batch(events))
    assert len(backend.row("cursors")["missing"]) <= 5_000
    assert backend.rows("quarantine")[0]["reason"] == "gaps"


@pytest.mark.parametrize("leaf", ["hb", "state", "meta", "cfgrep", "res/abc"])
@pytest.mark.parametrize("payload", [b"{}", b"", b"[1]", json.dumps({"v": 1, "gw": "gw-2"}).encode()])
def test_broken_news_of_devices_is_quarantined(backend, cast, leaf, payload):
    backend.send(backend.raw(payload, leaf=leaf))
    assert backend.row("quarantine")["topic"] == f"mim/v1/{cast.gateway}/{leaf}"
    assert backend.rows("gateways") == backend.rows("sensors") == []


def test_a_refused_message_does_not_hold_back_its_group(backend, cast):
    acks = backend.send(backend.raw(b"{"), backend.batch([cast.event(1, cast.noon)]), backend.raw(b"}"))
    assert acks == {(cast.gateway, cast.epoch): Ack(cast.epoch, 1)}
    assert len(backend.rows("quarantine")) == 2
