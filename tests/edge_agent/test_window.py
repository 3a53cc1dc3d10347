from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.envelope import Ack
from edge_agent.link.window import Window


def window(size: int = 2) -> Window:
    return Window(size, timeout_s=5, longest_s=20)


def test_it_has_room_for_so_many_batches_and_again_after_an_ack():
    lane = window()
    lane.sent([1, 2], 0)
    lane.sent([3, 5], 0)
    assert not lane.has_room()
    assert lane.cursor == 5
    lane.acknowledged(Ack("e", 2), 1)
    assert lane.has_room()
    assert [list(flight.numbers) for flight in lane.flights] == [[3, 5]]


def test_a_number_named_missing_stays_on_its_way():
    lane = window()
    lane.sent([1, 2, 3, 4], 0)
    lane.acknowledged(Ack("e", 9, ((2, 3),)), 1)
    assert list(lane.flights[0].numbers) == [2, 3]


def test_each_try_may_take_twice_as_long_up_to_the_longest():
    lane = window()
    lane.sent([1], 100)
    flight = lane.flights[0]
    assert lane.overdue(104.9) == []
    dues = []
    now_s = 105.0
    for _ in range(4):
        assert lane.overdue(now_s) == [flight]
        lane.resent(flight, [1], now_s)
        dues.append(flight.due_s - now_s)
        now_s = flight.due_s
    assert dues == [10, 20, 20, 20]
    assert lane.next_due_s() == flight.due_s


def test_an_ack_gives_what_left_later_its_time_anew_and_what_left_before_is_still_due():
    lane = window(size=3)
    for number in (1, 2, 3):
        lane.sent([number], 0)
    lane.acknowledged(Ack("e", 2, ((1, 1),)), 4)
    assert [(list(flight.numbers), flight.due_s) for flight in lane.flights] == [([1], 5), ([3], 9)]
    lane.acknowledged(Ack("e", 2, ((1, 1),)), 8)  # nothing new is stored
    assert [flight.due_s for flight in lane.flights] == [5, 9]


def test_a_flight_of_which_nothing_is_left_ends():
    lane = window()
    lane.sent([1], 0)
    lane.resent(lane.flights[0], [], 5)
    assert (lane.flights, lane.next_due_s()) == ([], None)


def test_after_a_reset_everything_is_to_be_sent_again():
    lane = window()
    lane.sent([1, 2], 0)
    lane.reset()
    assert (lane.cursor, lane.has_room(), lane.next_due_s()) == (0, True, None)


@settings(max_examples=100, deadline=None)
@given(st.sets(st.integers(1, 60), min_size=1), st.integers(0, 60), st.lists(st.integers(1, 60), unique=True))
def test_what_stays_on_its_way_is_what_the_ack_does_not_cover(numbers: set[int], upto: int, cuts: list[int]):
    cuts.sort()
    ack = Ack("e", upto, tuple(zip(cuts[::2], cuts[1::2], strict=False)))
    lane = window()
    lane.sent(sorted(numbers), 0)
    lane.acknowledged(ack, 1)
    left = [n for flight in lane.flights for n in flight.numbers]
    assert left == [n for n in sorted(numbers) if not ack.covers(n)]


def test_days_without_an_ack_end_in_the_longest_patience_and_no_error():
    lane = window()
    lane.sent([1], 0)
    for _ in range(2_000):
        lane.resent(lane.flights[0], [1], 0)
    assert lane.flights[0].due_s == 20
