import pytest
from sqlalchemy import select

from alerts.decisions.calling.rotation import CallHistory, rotated
from contracts.topics import check_gateway
from simulators.people.household import Condition
from simulators.town.contacts import draw_contacts
from simulators.town.neighbourhood import draw_neighbourhood, register
from simulators.town.scenario import draw_scenario, household_of
from store.engine import open_store, reading
from store.register.registry import RegistryError
from store.schema import contact_methods, homes, people, relations

NOON_MS = 1_767_236_400_000  # 2026-01-01 12:00 in Tokyo


def test_the_same_seed_draws_the_same_town_and_another_seed_another():
    assert draw_neighbourhood(7) == draw_neighbourhood(7)
    assert draw_neighbourhood(7) != draw_neighbourhood(8)


@pytest.mark.parametrize("count", [1, 2, 5, 12, 50, 300])
def test_everybody_has_two_people_nearby_and_the_whole_staff(count):
    town = draw_neighbourhood(3, count)
    assert (
        len({member.id for member in town.people}) == len({member.name for member in town.people}) == len(town.people)
    )
    assert len({check_gateway(home.gateway) for home in town.homes}) == count
    for home in town.homes:
        mine = [relation for relation in town.relations if relation.subject == home.person.id]
        assert home.person.id not in {relation.other for relation in mine}
        assert len({relation.other for relation in mine}) == len(mine)
        assert sum(relation.role == "neighbour" for relation in mine) >= 2
        assert {r.other for r in mine if r.role == "staff"} == {member.id for member in town.staff}


def test_the_watched_watch_others_too():
    town = draw_neighbourhood(7, 12)
    watchers = {relation.other for relation in town.relations if relation.role == "neighbour"}
    assert {home.person.id for home in town.homes} <= watchers


@pytest.mark.parametrize("count", [1, 4, 12, 50])
def test_one_neighbour_of_everybody_has_a_landline_alone_and_is_called_first(count):
    town = draw_neighbourhood(7, count)
    contacts = draw_contacts(town)
    landlines = {member.id for member in town.landlines}
    for home in town.homes:
        neighbours = [r.other for r in town.relations if (r.subject, r.role) == (home.person.id, "neighbour")]
        (landline,) = landlines & set(neighbours)
        assert [way.channel for way in contacts[landline]] == ["voice"]
        assert rotated([CallHistory(who) for who in neighbours], NOON_MS)[0] == landline


def test_a_town_of_no_home_is_refused():
    with pytest.raises(ValueError, match="1 to 300"):
        draw_neighbourhood(1, 0)


def test_the_town_is_registered_once_and_whole(tmp_path):
    town = draw_neighbourhood(7, 12)
    engine = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    register(town, engine, from_ms=NOON_MS)
    with reading(engine) as connection:
        counts = [len(connection.execute(select(table)).all()) for table in (people, homes, relations, contact_methods)]
    assert counts == [len(town.people), 12, len(town.relations), len(town.people)]
    with pytest.raises(RegistryError):
        register(town, engine, from_ms=NOON_MS)
    engine.dispose()


@pytest.mark.parametrize("seed", range(8))
def test_who_collapses_is_at_home_and_awake(seed):
    town = draw_neighbourhood(seed, 12)
    scenario = draw_scenario(town, NOON_MS - 43_200_000, collapse_at_ms=NOON_MS)
    assert scenario == draw_scenario(town, NOON_MS - 43_200_000, collapse_at_ms=NOON_MS)
    [(home_id, [plot])] = scenario.items()
    assert NOON_MS <= plot.at_ms < NOON_MS + 2 * 3_600_000
    assert household_of(town.home(home_id), seed).condition(plot.at_ms) is Condition.WELL
    assert household_of(town.home(home_id), seed, [plot]).condition(plot.at_ms) is Condition.COLLAPSED


def test_seeds_choose_different_persons_and_times():
    drawn = [draw_scenario(draw_neighbourhood(seed, 12), NOON_MS) for seed in range(10)]
    assert len({next(iter(scenario)) for scenario in drawn}) > 2
    assert len({plots[0].at_ms for scenario in drawn for plots in scenario.values()}) > 5
    for scenario in drawn:
        assert all(plot.at_ms > NOON_MS for plots in scenario.values() for plot in plots)
