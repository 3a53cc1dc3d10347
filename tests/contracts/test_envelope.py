"""Batches and acks: what goes in comes out, within the limits, and the arithmetic of the ack holds."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.clock import ClockQuality
from contracts.envelope import (
    LATEST_MS,
    MAX_EVENTS,
    MAX_MISSING_SPANS,
    Ack,
    Batch,
    decode_ack,
    decode_batch,
    encode_ack,
    encode_batch,
    salvage_batch,
    timestamp_ns,
)
from contracts.errors import InvalidTopic, MalformedMessage, OversizedMessage
from contracts.events import FIELDS, MAX_TEXT, Choice, Event, Flag, Kind, Quantity, is_sign_of_life
from contracts.strict import MAX_BYTES, MAX_INT

quick = settings(max_examples=60, deadline=None)
words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
numbers = st.integers(1, MAX_INT)


def field_values(rule: Flag | Quantity | Choice) -> st.SearchStrategy[Any]:
    match rule:
        case Flag():
            return st.booleans()
        case Quantity(_, least, most):
            return st.floats(least, most) | st.integers(int(least), int(most))
        case Choice(choices):
            return st.sampled_from([str(choice) for choice in choices])


@st.composite
def events(draw: st.DrawFn, n: int) -> Event:
    kind = draw(st.sampled_from([str(kind) for kind in Kind]) | st.text("abcdefgh_", min_size=1, max_size=32))
    fields = {name: draw(field_values(rule)) for name, rule in FIELDS.get(kind, {}).items()}
    extra = draw(st.dictionaries(words.filter(lambda name: name not in fields), st.none() | words, max_size=2))
    return Event(
        n=n,
        t=draw(st.integers(0, LATEST_MS)),
        q=draw(st.sampled_from(ClockQuality)),
        m=draw(st.integers(0, MAX_INT)),
        s=draw(words),
        k=kind,
        x=fields | extra,
        bf=draw(st.booleans()),
    )


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    ascending = sorted(draw(st.sets(numbers, min_size=1, max_size=6)))
    gateway = draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True))
    return Batch(
        gateway, draw(words), draw(st.integers(0, MAX_INT)), [draw(events(n)) for n in ascending], draw(numbers)
    )


@quick
@given(batch=batches())
def test_a_batch_comes_out_as_it_went_in(batch: Batch):
    payload = encode_batch(batch)
    assert decode_batch(payload, batch.gateway) == batch
    assert salvage_batch(payload, batch.gateway) == (batch, [])


def event(n: int, **change: Any) -> Event:
    base: dict[str, Any] = {"t": LATEST_MS, "q": ClockQuality.SYNCED, "m": MAX_INT, "s": "toilet.door", "k": "contact"}
    return Event(n=n, **(base | {"x": {"open": True}, "bf": False} | change))


def test_200_events_with_the_longest_names_and_numbers_fit_into_one_message():
    longest = [
        event(MAX_INT - MAX_EVENTS + i, s="端" * MAX_TEXT, k="k" * 32, x={"あ" * 20: 1.5}) for i in range(MAX_EVENTS)
    ]
    batch = Batch("g" * 64, "e" * 64, MAX_INT, longest, MAX_INT)
    assert len(encode_batch(batch)) <= MAX_BYTES
    assert decode_batch(encode_batch(batch), batch.gateway) == batch


def test_a_usual_batch_of_200_takes_a_tenth_of_the_room():
    batch = Batch("01JC3ZP5K8W6Q2", "9f3a61c204b7d85e", 17, [event(n) for n in range(1, MAX_EVENTS + 1)])
    assert len(encode_batch(batch)) < MAX_BYTES / 10


def test_a_batch_that_no_reader_would_take_is_not_written():
    fat = [event(n, x={"open": True, "note": "x" * 2_000}) for n in range(1, MAX_EVENTS + 1)]
    with pytest.raises(OversizedMessage):
        encode_batch(Batch("gw", "e", 1, fat))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object(), {1, 2}])
def test_a_value_that_json_cannot_carry_is_refused_by_the_writer(value: object):
    with pytest.raises(MalformedMessage):
        encode_batch(Batch("gw", "e", 1, [event(1, x={"open": True, "y": value})]))


@pytest.mark.parametrize("numbers_given", [[], [2, 1], [1, 1], list(range(1, MAX_EVENTS + 2))])
def test_a_batch_without_ascending_numbers_is_refused_by_the_writer(numbers_given: list[int]):
    with pytest.raises(MalformedMessage):
        encode_batch(Batch("gw", "e", 1, [event(n) for n in numbers_given]))


def test_a_gateway_that_cannot_stand_in_a_topic_is_refused_by_the_writer():
    with pytest.raises(InvalidTopic):
        encode_batch(Batch("a/b", "e", 1, [event(1)]))


# ---- timestamps in the time-series store ----


@quick
@given(t=st.integers(0, LATEST_MS), first=numbers, count=st.integers(1, 500))
def test_events_of_one_millisecond_never_collide_and_a_rewrite_hits_the_same_point(t: int, first: int, count: int):
    stamps = [timestamp_ns(event(n, t=t)) for n in range(first, first + count)]
    assert len(set(stamps)) == count
    assert stamps == [timestamp_ns(event(n, t=t)) for n in range(first, first + count)]


@quick
@given(t=st.integers(0, LATEST_MS), n=numbers)
def test_a_timestamp_keeps_its_millisecond_and_fits_into_64_bits(t: int, n: int):
    stamp = timestamp_ns(event(n, t=t))
    assert stamp // 1_000_000 == t
    assert 0 <= stamp < 2**63


@quick
@given(t=st.integers(0, LATEST_MS - 1), n=numbers, other=numbers)
def test_timestamps_never_change_the_order_of_two_milliseconds(t: int, n: int, other: int):
    assert timestamp_ns(event(n, t=t)) < timestamp_ns(event(other, t=t + 1))


# ---- acks ----


@st.composite
def acks(draw: st.DrawFn) -> tuple[Ack, set[int]]:
    """An ack over small numbers, and the plain set of numbers it says are stored."""
    stored = draw(st.sets(st.integers(1, 60), min_size=1))
    upto = max(stored)
    gaps = sorted(set(range(1, upto)) - stored)
    spans: list[tuple[int, int]] = []
    for n in gaps:
        if spans and spans[-1][1] == n - 1:
            spans[-1] = (spans[-1][0], n)
        else:
            spans.append((n, n))
    return Ack("e", upto, tuple(spans)), stored


@quick
@given(pair=acks())
def test_an_ack_covers_exactly_what_is_stored(pair: tuple[Ack, set[int]]):
    ack, stored = pair
    assert {n for n in range(1, 70) if ack.covers(n)} == stored


@quick
@given(pair=acks())
def test_an_ack_comes_out_as_it_went_in(pair: tuple[Ack, set[int]]):
    assert decode_ack(encode_ack(pair[0])) == pair[0]


@pytest.mark.parametrize(
    "spans", [MAX_MISSING_SPANS - 1, MAX_MISSING_SPANS, MAX_MISSING_SPANS + 1, 3 * MAX_MISSING_SPANS]
)
def test_an_ack_with_too_many_gaps_says_less_and_never_more(spans: int):
    """Every second number is missing: the ack speaks of the first thousand gaps and stops before the next."""
    ack = Ack("e", 2 * spans, tuple((n, n) for n in range(1, 2 * spans, 2)))
    told = decode_ack(encode_ack(ack))
    assert len(told.missing) <= MAX_MISSING_SPANS
    covered = {n for n in range(1, 2 * spans + 2) if told.covers(n)}
    assert covered == set(range(2, 2 * min(spans, MAX_MISSING_SPANS) + 1, 2))
    assert len(encode_ack(ack)) <= MAX_BYTES


def test_the_largest_ack_fits_into_one_message():
    first = MAX_INT - 4 * MAX_MISSING_SPANS
    spans = tuple((first + 4 * i, first + 4 * i + 1) for i in range(MAX_MISSING_SPANS))
    assert decode_ack(encode_ack(Ack("e" * 64, MAX_INT, spans))).missing == spans
    assert all(later[0] > earlier[1] for earlier, later in pairwise(spans))


# ---- signs of life ----


@pytest.mark.parametrize(
    ("kind", "fields", "counts"),
    [
        ("motion", {"motion": True}, True),
        ("motion", {"motion": False}, False),
        ("contact", {"open": True}, True),
        ("contact", {"open": False}, False),
        ("appliance", {"on": True}, True),
        ("appliance", {"on": False}, False),
        ("presence", {"present": True}, True),
        ("presence", {"present": False}, False),
        ("button", {"press": "help"}, True),
        ("button", {"press": "ok"}, True),
        ("button", {"press": "single"}, True),
        ("button", {"press": "tamper"}, False),
        ("button", {}, False),
        ("power", {"w": 900.0}, False),
        ("energy", {"kwh": 1.0}, False),
        ("fall", {"motion": True}, False),
    ],
)
def test_only_what_a_person_alone_can_cause_is_a_sign_of_life(kind: str, fields: dict[str, Any], counts: bool):
    assert is_sign_of_life(kind, fields) is counts
