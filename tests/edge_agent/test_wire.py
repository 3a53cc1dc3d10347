from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.clock import ClockQuality
from contracts.envelope import Batch, decode_batch, encode_batch
from contracts.events import Event
from contracts.strict import MAX_BYTES
from edge_agent.link.wire import MAX_EVENT_BYTES, batch_payload
from edge_agent.outbox.outbox import OutboxRow, new_row

words = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
values = st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False) | words
events = st.builds(
    Event,
    n=st.just(0),
    t=st.integers(0, 2**42),
    q=st.sampled_from(ClockQuality),
    m=st.integers(0, 2**40),
    s=words,
    k=st.text("abcdefgh", min_size=9, max_size=20),
    x=st.dictionaries(words, values, max_size=4),
    bf=st.booleans(),
)


def numbered(event: Event, n: int) -> Event:
    return Event(n, event.t, event.q, event.m, event.s, event.k, event.x, event.bf)


@settings(max_examples=100, deadline=None)
@given(st.lists(events, min_size=1, max_size=5))
def test_the_payload_is_byte_for_byte_that_of_the_contract(made: list[Event]):
    made = [numbered(event, n) for n, event in enumerate(made, 5)]
    stored = [new_row(event) for event in made]
    rows = [OutboxRow(event.n, 3, row.t, row.q, row.m, row.body) for event, row in zip(made, stored, strict=True)]
    batch = Batch("gw-0001", "0f" * 8, 3, made, lowest=4)
    payload = batch_payload("gw-0001", "0f" * 8, 4, rows)[0]
    assert payload == encode_batch(batch)
    assert decode_batch(payload, "gw-0001") == batch


def test_a_message_never_grows_over_what_the_contract_allows():
    body = '"s":"a","k":"b","x":{"note":"' + "見" * (MAX_EVENT_BYTES // 3 - 20) + '"},"bf":false}'
    rows = [OutboxRow(n, 1, 0, 2, 0, body) for n in range(1, 201)]
    sent, rest, messages = 0, rows, 0
    while rest:
        payload, kept = batch_payload("gw-0001", "0f" * 8, 1, rest)
        assert len(payload) <= MAX_BYTES
        sent, messages, rest = sent + len(kept), messages + 1, rest[len(kept) :]
    assert sent == 200
    assert messages > 1
