"""The live connection: a version that grows when something changed, one look at the database for everybody."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from dashboard.site.live import Watcher, watch_database
from store.schema import deliveries, gateways, incidents


def watch(town: Any, calm_s: float = 0.0) -> Watcher:
    return watch_database(town.db, poll_s=0.01, calm_s=calm_s)


def test_an_unchanged_town_keeps_its_version(town: Any):
    async def play() -> list[bool]:
        watcher = watch(town)
        return [await watcher.look() for _ in range(3)]

    town.incident(town.home("山田 花子"))
    assert asyncio.run(play()) == [True, False, False]


@pytest.mark.parametrize("what", ["case", "answer", "message", "heartbeat"])
def test_each_change_makes_a_new_version(town: Any, what: str):
    home = town.home("山田 花子")
    case = town.incident(home)
    delivery = town.delivery(case, "tanaka", "call")

    def change() -> None:
        match what:
            case "case":
                town.incident(town.home("西村 文子"))
            case "answer":
                town.write(update(incidents).values(version=2))
            case "message":
                town.write(update_delivery(delivery))
            case "heartbeat":
                town.write(update(gateways).values(proven_ms=town.clock.now))

    async def play() -> bool:
        watcher = watch(town)
        await watcher.look()
        change()
        return await watcher.look()

    assert asyncio.run(play())


def update_delivery(delivery: str) -> Any:
    return update(deliveries).where(deliveries.c.id == delivery).values(state="sending", lease_until_ms=1)


def test_signs_of_life_are_told_seldom_and_incidents_at_once(town: Any):
    async def play() -> list[bool]:
        watcher = watch(town, calm_s=3600)
        told = [await watcher.look()]
        town.write(update(gateways).values(proven_ms=town.clock.now))
        told.append(await watcher.look())
        town.incident("home1")
        told.append(await watcher.look())
        return told

    town.home("山田 花子")
    assert asyncio.run(play()) == [True, False, True]


async def first(watcher: Watcher, count: int) -> list[int | None]:
    versions = []
    async for version in watcher.versions():
        versions.append(version)
        if len(versions) == count:
            return versions
    return versions


def counting() -> tuple[Watcher, list[int]]:
    looks: list[int] = []

    def look() -> int:
        looks.append(1)
        return len(looks)

    return Watcher(look, lambda: 0, poll_s=0.01, calm_s=1.0), looks


def test_many_pages_share_one_look():
    async def play() -> tuple[int, int]:
        watcher, looks = counting()
        await asyncio.gather(*(first(watcher, 5) for _ in range(20)))
        return len(looks), len(watcher.listeners)

    looks, listeners = asyncio.run(play())
    assert looks < 20, "twenty pages that each looked would have looked a hundred times"
    assert listeners == 0


def test_nobody_listening_means_nobody_looking():
    async def play() -> tuple[int, int]:
        watcher, looks = counting()
        await first(watcher, 2)
        await asyncio.sleep(0.05)
        before = len(looks)
        await asyncio.sleep(0.1)
        return before, len(looks)

    before, after = asyncio.run(play())
    assert before == after > 0


def test_a_database_that_is_away_does_not_end_the_watching():
    answers: list[Any] = [1, OperationalError("x", {}, Exception("away")), 2, 2]

    def look() -> Any:
        answer = answers.pop(0) if answers else 2
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def play() -> list[int | None]:
        return await asyncio.wait_for(first(Watcher(look, lambda: 0, poll_s=0.01, calm_s=9), 3), 5)

    assert asyncio.run(play()) == [0, 1, 2]


def test_closing_ends_every_open_line():
    async def play() -> list[list[int | None]]:
        watcher, _ = counting()
        lines = [asyncio.create_task(first(watcher, 10**6)) for _ in range(3)]
        await asyncio.sleep(0.05)
        watcher.close()
        return await asyncio.wait_for(asyncio.gather(*lines), 5)

    assert all(versions for versions in asyncio.run(play()))
