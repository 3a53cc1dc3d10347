import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.intake.dedupe import Cursor, spans_of

numbers = st.integers(1, 60)
groups = st.lists(st.lists(numbers, max_size=12), max_size=12)


def cursor_of(lists):
    cursor = Cursor()
    for group in lists:
        cursor = cursor.add(group)
    return cursor


def assert_well_formed(cursor):
    previous = -1
    for first, last in cursor.missing:
        assert 1 <= first <= last < cursor.upto
        assert first > previous + 1, "spans that touch must be one span"
        previous = last


@given(groups)
@settings(max_examples=100, deadline=None)
def test_a_cursor_holds_what_a_plain_set_of_the_same_numbers_holds(lists):
    cursor, plain = cursor_of(lists), {n for group in lists for n in group}
    assert {n for n in range(1, 70) if cursor.holds(n)} == plain
    assert cursor.upto == max(plain, default=0)
    assert_well_formed(cursor)


@given(groups, st.integers(0, 70), groups)
@settings(max_examples=100, deadline=None)
def test_numbers_given_up_count_once_and_are_not_waited_for(before, lowest, after):
    plain = {n for group in before for n in group}
    cursor, given_up = cursor_of(before).give_up_below(lowest)
    assert given_up == len(set(range(1, lowest)) - plain)
    plain |= set(range(1, lowest))
    for group in after:
        cursor = cursor.add(group)
        plain |= set(group)
    assert {n for n in range(1, 75) if cursor.holds(n)} == plain
    assert_well_formed(cursor)
    again, none = cursor.give_up_below(lowest)
    assert (again, none) == (cursor, 0)


@given(st.lists(st.lists(st.integers(1, 12), max_size=12), max_size=4))
@settings(max_examples=100, deadline=None)
def test_a_lack_between_two_numbers_is_seen(lists):
    plain, cursor = {n for group in lists for n in group}, cursor_of(lists)
    for low, high in itertools.combinations(range(1, 15), 2):
        lacks = any(n not in plain for n in range(low + 1, high))
        assert cursor.lacks_between(low, high) == lacks


@given(st.lists(numbers))
@settings(deadline=None)
def test_spans_are_the_numbers_ascending_and_apart(some):
    spans = spans_of(some)
    assert [n for first, last in spans for n in range(first, last + 1)] == sorted(set(some))


def test_the_largest_number_of_the_contract_costs_one_gap():
    largest = 2**53 - 1
    cursor = Cursor().add([1, largest])
    assert cursor == Cursor(largest, ((2, largest - 1),))
    assert cursor.give_up_below(largest) == (Cursor(largest), largest - 2)
