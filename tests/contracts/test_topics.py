"""Topics are built and taken apart in one place, and nobody can slip a level or a wildcard into one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import InvalidTopic
from contracts.topics import DOWN, RETAINED, UP, Leaf, check_gateway, parse_topic, subscription, topic

gateways = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True)
command_ids = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
WITH_ID = {Leaf.COMMAND, Leaf.RESULT}


@settings(max_examples=100, deadline=None)
@given(gateway=gateways, leaf=st.sampled_from(Leaf), command_id=command_ids)
def test_what_is_built_is_taken_apart_again(gateway: str, leaf: Leaf, command_id: str):
    wanted = command_id if leaf in WITH_ID else None
    parsed = parse_topic(topic(gateway, leaf, wanted))
    assert (parsed.gateway, parsed.leaf, parsed.command_id) == (gateway, leaf, wanted)


@pytest.mark.parametrize("gateway", ["", "a/b", "+", "#", "a b", "-a", "_a", "端末", "a" * 65, "a\n", "a\0", "$SYS"])
def test_a_gateway_id_with_characters_that_mqtt_gives_a_meaning_is_refused(gateway: str):
    for build in (check_gateway, lambda name: topic(name, Leaf.EVENTS), lambda name: subscription(Leaf.ACK, name)):
        if build is check_gateway or gateway != "+":
            with pytest.raises(InvalidTopic):
                build(gateway)


@pytest.mark.parametrize("command_id", ["", "a/b", "+", "#", "a b", "指", "a" * 65, "a\n"])
def test_a_command_id_that_cannot_stand_in_a_topic_is_refused(command_id: str):
    for leaf in WITH_ID:
        with pytest.raises(InvalidTopic):
            topic("gw", leaf, command_id)


@pytest.mark.parametrize("leaf", list(Leaf))
def test_an_id_stands_behind_commands_and_results_only(leaf: Leaf):
    with pytest.raises(InvalidTopic):
        topic("gw", leaf, None if leaf in WITH_ID else "c1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mim/v1/gw",
        "mim/v1/gw/",
        "mim/v2/gw/ev",
        "mim/v1//ev",
        "mim/v1/gw/EV",
        "mim/v1/gw/events",
        "mim/v1/gw/ev/x",
        "mim/v1/gw/cmd",
        "mim/v1/gw/cmd/",
        "mim/v1/gw/cmd/a/b",
        "/mim/v1/gw/ev",
        "mim/v1/gw/ev/",
        "mim/v1/gw/ev\n",
        "mim/v1/g w/ev",
        "$SYS/broker",
    ],
)
def test_a_topic_outside_the_contract_is_refused(text: str):
    with pytest.raises(InvalidTopic):
        parse_topic(text)


def matches(topic_filter: str, text: str) -> bool:
    levels = text.split("/")
    wanted = topic_filter.split("/")
    return len(levels) == len(wanted) and all(want in ("+", level) for want, level in zip(wanted, levels, strict=True))


@settings(max_examples=50, deadline=None)
@given(gateway=gateways, other=gateways, leaf=st.sampled_from(Leaf))
def test_a_subscription_catches_its_own_topics_and_no_others(gateway: str, other: str, leaf: Leaf):
    for built in Leaf:
        text = topic(other, built, "c1" if built in WITH_ID else None)
        assert matches(subscription(leaf), text) == (built is leaf)
        assert matches(subscription(leaf, gateway), text) == (built is leaf and gateway == other)


def test_every_leaf_has_one_direction_and_events_are_never_retained():
    assert sorted([*UP, *DOWN]) == sorted(Leaf)
    assert set(UP).isdisjoint(DOWN)
    assert sorted(RETAINED) == ["cfg", "meta", "state"]
