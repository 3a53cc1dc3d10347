"""The live connection: one shared task looks for changes, and every open page is told "board version n"."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from dashboard.reading import queries
from store.engine import reading

log = logging.getLogger(__name__)
routes: Final = APIRouter()
KEEP_ALIVE_S: Final = 15.0
"""A comment goes out at least this often, so that proxies and browsers do not take the line for dead."""


class Watcher:
    """Looks at the database while anybody listens, and counts a version up when something changed.

    Args:
        read_urgent: changes of incidents; told at the next look.
        read_calm: changes that concern no incident; told at most every ``calm_s``.
        poll_s: time between two looks, real seconds.
        calm_s: as above.

    Attributes:
        listeners: a queue for each page that listens.
        version: how often something had changed when it was last looked.
    """

    def __init__(
        self, read_urgent: Callable[[], Any], read_calm: Callable[[], Any], *, poll_s: float, calm_s: float
    ) -> None:
        self._read_urgent, self._read_calm = read_urgent, read_calm
        self._poll_s, self._calm_s = poll_s, calm_s
        self._urgent: Any = None
        self._calm: Any = None
        self._calm_looked_s = float("-inf")
        self.listeners: set[asyncio.Queue[int]] = set()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.version = 0

    async def look(self) -> bool:
        """Read the database once; whether the version grew."""
        now_s = asyncio.get_running_loop().time()
        urgent = await run_in_threadpool(self._read_urgent)
        calm = self._calm
        if now_s - self._calm_looked_s >= self._calm_s:
            calm, self._calm_looked_s = await run_in_threadpool(self._read_calm), now_s
        changed = (urgent, calm) != (self._urgent, self._calm)
        self._urgent, self._calm = urgent, calm
        if changed:
            self.version += 1
        return changed

    async def _run(self) -> None:
        while self.listeners:
            try:
                changed = await self.look()
            except SQLAlchemyError:
                # Pages fall back to polling, which shows the error; the next look may find the database again.
                log.exception("the board's version could not be read")
                changed = False
            if changed:
                self._tell()
            await asyncio.sleep(self._poll_s)

    async def versions(self) -> AsyncIterator[int | None]:
        """Versions as they come, the present one first; None when nothing changed for `KEEP_ALIVE_S`."""
        if self._closed:
            return
        queue: asyncio.Queue[int] = asyncio.Queue()
        self.listeners.add(queue)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="dashboard-watcher")
        version: int | None = self.version
        try:
            while not self._closed:
                yield version
                try:
                    version = await asyncio.wait_for(queue.get(), KEEP_ALIVE_S)
                except TimeoutError:
                    version = None
        finally:
            self.listeners.discard(queue)

    def close(self) -> None:
        """End every open line, so that the server can stop. Call it in the event loop's thread."""
        self._closed = True
        self._tell()

    def _tell(self) -> None:
        for queue in self.listeners:
            queue.put_nowait(self.version)


def watch_database(db: Engine, *, poll_s: float, calm_s: float) -> Watcher:
    """A `Watcher` of the relational store."""

    def read(version: Callable[[Connection], tuple[Any, ...]]) -> tuple[Any, ...]:
        with reading(db) as connection:
            return version(connection)

    urgent, calm = partial(read, queries.urgent_version), partial(read, queries.calm_version)
    return Watcher(urgent, calm, poll_s=poll_s, calm_s=calm_s)


@routes.get("/events")
async def events(request: Request) -> StreamingResponse:
    """Server-sent events that carry a version and nothing else; the page fetches what it needs."""
    lines = _lines(request.app.state.watcher)
    return StreamingResponse(lines, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _lines(watcher: Watcher) -> AsyncIterator[str]:
    yield "retry: 3000\n\n"
    async for version in watcher.versions():
        yield ": still here\n\n" if version is None else f"event: board\nid: {version}\ndata: {version}\n\n"
