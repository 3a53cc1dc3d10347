"""Line protocol and InfluxQL as text, without a server."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from store.timeseries import Point
from store.timeseries.influx_text import bodies, decode_tag, encode_tag, has_tag, line

MakePoint = Callable[..., Point]


def test_a_line_reads_like_this(make_point: MakePoint) -> None:
    point = make_point(7, ts_ns=1767225600123000007)
    assert line(point) == (
        "event,epoch=9f3a61c0,gw=01J0HANAKO,kind=contact,sensor=toilet.door "
        'n=7i,q=2i,bf=f,x="{\\"open\\":true}" 1767225600123000007'
    )


def test_what_has_a_meaning_in_a_tag_is_escaped_and_the_rest_stays_readable(make_point: MakePoint) -> None:
    assert ",sensor=居間\\ a\\,b\\=c " in line(make_point(sensor="居間 a,b=c"))


@given(st.text())
def test_a_tag_survives_and_holds_nothing_that_line_protocol_cannot_say(text: str) -> None:
    stored = encode_tag(text)
    assert decode_tag(stored) == text
    assert "\\" not in stored
    assert stored.isprintable()


@given(st.text(), st.text())
def test_two_names_are_never_stored_as_one(one: str, other: str) -> None:
    assert (encode_tag(one) == encode_tag(other)) == (one == other)


@given(st.text())
def test_a_name_cannot_leave_its_quotes(text: str) -> None:
    condition = has_tag("gw", text)
    assert condition.startswith('"gw" = \'')
    assert condition.endswith("'")
    assert "'" not in condition[8:-1].replace("\\'", "")


@given(st.lists(st.integers(0, 300), max_size=40), st.integers(1, 7), st.integers(100, 900))
def test_bodies_keep_both_limits_and_every_line(sizes: list[int], most_lines: int, most_bytes: int) -> None:
    points = [Point("g", n, "s", "k", "長" * size, "e", n, 2, False) for n, size in enumerate(sizes)]
    made = list(bodies(points, most_lines, most_bytes))
    assert [text for body in made for text in body.decode().split("\n")] == [line(point) for point in points]
    for body in made:
        count = body.count(b"\n") + 1
        assert count <= most_lines
        assert count == 1 or len(body) <= most_bytes
