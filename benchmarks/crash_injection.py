"""kill -9 the alerts at every named point of their way to the doubles of LINE and Twilio: what is lost, what doubled?

``python benchmarks/crash_injection.py --incidents 1000`` does it on SQLite, with ``--store postgresql+psycopg://…`` on
an empty PostgreSQL database; more than one ``--store`` may be given. Each incident is one life: the person is asked,
two neighbours are called, then the council. A child process does the backend's work on the real store, with the real
channels over HTTP, and is killed at one of the points that an undisturbed run passes; another one goes on after an
outage. In one life of three the vendors also answer with errors. Time jumps to what is due next; in between it is real.
A restart is counted from the moment at
which the new process works: what a start of Python takes is not in it.
"""

import argparse
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
import urllib3.connectionpool
from sqlalchemy import event, func, insert, update

from alerts import casebook
from alerts.channels.line import LineChannel
from alerts.channels.line_api import LineApi
from alerts.channels.twilio_api import NOT_LOOKED_UP
from alerts.channels.twilio_settings import TwilioSettings
from alerts.channels.twilio_sms import TwilioSms
from alerts.channels.twilio_voice import TwilioVoice
from alerts.decisions.delivery import FAILED, WAITING, DeliveryState
from alerts.engine import Engine
from alerts.ports import Channel
from alerts.sender import Sender
from alerts.settings import Settings
from simulators.line_process import LineProcess
from simulators.twilio_world import ACCOUNT_SID, TOKEN
from store.engine import open_store, reading
from store.registry import edit
from store.schema import attempts, contact_methods, deliveries, gateways, incidents, live_states, metadata

T = TypeVar("T")
START_MS = 1_767_225_600_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
SILENT_MS = START_MS + 2 * HOUR_MS  # when the person is to be asked
OUTAGES_MS = (1_000, 20_000, 3 * MINUTE_MS, 20 * MINUTE_MS)
OUTER = "https://mimamori.invalid"
NUMBER = "+81900000000{}"
CAST = {  # each with the first and the second way of being reached
    "hana": ("line", "sms"),
    "ichiro": ("sms", "line"),
    "jiro": ("voice", "line"),
    "shiki": ("sms", "voice"),
}


# ---- The vendors -----------------------------------------------------------------------------------------------------


class TwilioProcess:
    """Twilio's double as a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [
            sys.executable,
            "-m",
            "simulators.twilio_double",
            str(port),
            "--reach",
            f"{OUTER}=http://127.0.0.1:9",
        ]
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603 - our own
        until_s = time.monotonic() + 60
        while True:
            try:
                self.ask("state")
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until_s:
                    self.stop()
                    raise
                time.sleep(0.1)

    def ask(self, what: str, order: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON
        """``/control/{what}``; an order is posted."""
        body = None if order is None else json.dumps(order).encode()
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.url}/control/{what}", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(20)


# ---- The store and the people ----------------------------------------------------------------------------------------


class Village:
    """One home at a time, in a store that is empty before."""

    def __init__(self, url: str | None, folder: Path, line: LineProcess, twilio: TwilioProcess) -> None:
        self._url, self._folder = url, folder
        self.line, self.twilio = line, twilio
        self._token = folder / "twilio.token"
        self._token.write_text(TOKEN + "\n")
        self.db = open_store(url or f"sqlite:///{folder}/empty.db")
        if not url:
            self.db.dispose()

    def begin(self, rng: random.Random) -> None:
        """A new life: silent, and about to be asked."""
        if self._url:
            with self.db.begin() as connection:
                for table in reversed(metadata.sorted_tables):
                    connection.execute(table.delete())
        else:
            self.db.dispose()
            for old in self._folder.glob("life.db*"):
                old.unlink()
            shutil.copy(self._folder / "empty.db", self._folder / "life.db")
            self.db = open_store(f"sqlite:///{self._folder}/life.db", migrate=False)
        self.line.reset()
        self.twilio.ask("reset", {})
        self.twilio.ask("faults", {"callbacks": ["hold"]})
        self.addresses = self._settle()
        if rng.random() < 1 / 3:
            self._vendors_fail(rng)

    def _settle(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        with edit(self.db, actor="benchmark", now_ms=START_MS - 24 * HOUR_MS) as registry:
            registry.add_organisation("社会福祉協議会", "council", id="council")
            for n, (who, channels) in enumerate(CAST.items()):
                registry.add_person(f"山田 {who}", id=who)
                found[who] = {"line": self.line.friend(who), "sms": NUMBER.format(n), "voice": NUMBER.format(n)}
                self.twilio.ask("number", {"number": NUMBER.format(n), "voice": "rings"})
                for rank, channel in enumerate(channels):
                    key = f"{channel}-{who}"
                    registry.add_contact_method(who, channel, found[who][channel], rank, START_MS - 1, id=key)
            registry.add_home("hana", "council", "gw", area="本町", id="home")
            for who, role in (("ichiro", "neighbour"), ("jiro", "neighbour"), ("shiki", "staff")):
                registry.relate("hana", who, role, "見守り")
        alive = {"heartbeat_ms": SILENT_MS + 1000 * HOUR_MS, "proven_ms": SILENT_MS + 1000 * HOUR_MS}
        times = {"last_event_ms": START_MS, "last_sign_ms": START_MS, "updated_ms": START_MS}
        deadlines = {"ask_at_ms": SILENT_MS, "call_at_ms": SILENT_MS + HOUR_MS}
        with self.db.begin() as connection:
            connection.execute(update(contact_methods).values(verified_ms=START_MS - HOUR_MS))
            connection.execute(insert(gateways).values(gateway="gw", **alive))
            connection.execute(insert(live_states).values(home_id="home", **times, **deadlines))
        return found

    def _vendors_fail(self, rng: random.Random) -> None:
        for _ in range(rng.randint(1, 3)):
            self.line.order("faults", kind=rng.choice(["error_before_accept", "error_after_accept", "rate"]))
        kinds = ["error_before", "error_after_accept", "rate", "look_up_error"]
        self.twilio.ask("faults", {"requests": [rng.choice(kinds) for _ in range(rng.randint(1, 4))]})

    def sender(self) -> Sender:
        """A worker with the real channels."""
        twilio = TwilioSettings(
            account_sid=ACCOUNT_SID,
            token_file=self._token,
            sms_from="+815000000000",
            voice_from="+815000000000",
            public_url=OUTER,
            api_url=self.twilio.url,
        )
        line = LineChannel(LineApi(self.line.token, self.line.url, 5.0), 5.0)
        channels: dict[str, Channel] = {"line": line, "sms": TwilioSms(twilio), "voice": TwilioVoice(twilio)}
        return Sender(self.db, channels, f"worker-{os.getpid()}", None, Settings())


# ---- The points ------------------------------------------------------------------------------------------------------


@dataclass
class Points:
    """Names every point that the work passes; at the one numbered ``kill_at`` the process ends as at a power cut."""

    say: Callable[[str], None]
    kill_at: int | None
    passed: int = 0
    work: list[str] = field(default_factory=list)

    def reached(self, name: str) -> None:
        """One more point."""
        self.say(f"point {name}")
        if self.passed == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed += 1

    def watch(self, db: sqlalchemy.Engine) -> None:
        """Put the points into this process: around each commit of the casebook, and each request over HTTP."""
        in_transaction = casebook.in_transaction

        def committed(db: sqlalchemy.Engine, work: Callable[[sqlalchemy.Connection], T]) -> T:
            self.work.append(_name(work))
            try:
                result = in_transaction(db, work)
                self.reached(f"after the commit of {self.work[-1]}")
                return result
            finally:
                self.work.pop()

        casebook.in_transaction = committed
        event.listen(db, "commit", self._committing)
        request = urllib3.connectionpool.HTTPConnectionPool.urlopen

        def asked(pool: Any, method: str, url: str, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - the library's
            what = f"{method} {'LINE' if 'bot' in url else url.partition('?')[0].rpartition('/')[2].partition('.')[0]}"
            self.reached(f"before {what}")
            answer = request(pool, method, url, *args, **more)
            self.reached(f"after {what}")
            return answer

        urllib3.connectionpool.HTTPConnectionPool.urlopen = asked  # type: ignore[assignment, method-assign]

    def _committing(self, _connection: sqlalchemy.Connection) -> None:
        if self.work:
            self.reached(f"before the commit of {self.work[-1]}")


def _name(work: Any) -> str:  # noqa: ANN401 - a function or a partial of one
    """What a transaction is for: the first of these words in its code."""
    words = {
        "_lease": "a lease",
        "_record": "a record",
        "_step": "a step",
        "open_case": "an opening",
        "settle": "a receipt",
    }
    names = getattr(getattr(work, "func", work), "__code__", None)
    return next((said for word, said in words.items() if names and word in names.co_names), "another")


# ---- One life --------------------------------------------------------------------------------------------------------


class Clock:
    """Jumps to what is due next; in between it is real."""

    def __init__(self, at_ms: int) -> None:
        self._at_ms, self._since_s = at_ms, time.monotonic()

    def now_ms(self) -> int:
        """Ms UTC."""
        return self._at_ms + int(1000 * (time.monotonic() - self._since_s))

    def jump(self, to_ms: int) -> None:
        """Never backwards."""
        self._at_ms += max(to_ms - self.now_ms(), 0)


def backend(village: Village, begun_ms: int, say: Callable[[str], None]) -> None:
    """Works until the council was asked and nothing is left to send; says its time and how late each thing was."""
    clock = Clock(begun_ms)
    engine, sender = Engine(village.db, Settings()), village.sender()
    for _ in range(400):
        due_ms = engine.next_due_ms(clock.now_ms())
        timer_ms, message_ms, council_ms = overdue(village.db)
        if council_ms is not None and due_ms == timer_ms:
            say("rest")
            return
        assert due_ms is not None, "nothing is due, and the council was not asked"
        clock.jump(due_ms)
        now_ms = clock.now_ms()
        say(f"clock {now_ms}")
        engine.tick(now_ms)
        if timer_ms <= now_ms:
            say(f"late step {clock.now_ms() - max(timer_ms, begun_ms)}")
        sender.run_due(clock.now_ms())
        if message_ms is not None and message_ms <= now_ms:
            say(f"late message {clock.now_ms() - max(message_ms, begun_ms)}")
    raise AssertionError("it never comes to rest")


def overdue(db: sqlalchemy.Engine) -> tuple[int, int | None, int | None]:
    """When the next step and the next message are due, and when the council was asked."""
    waiting = deliveries.c.state.in_(sorted(WAITING))
    with reading(db) as connection:
        case = connection.execute(sqlalchemy.select(incidents.c.next_due_ms, incidents.c.council_ms)).first()
        message_ms = connection.execute(sqlalchemy.select(func.min(deliveries.c.due_ms)).where(waiting)).scalar()
    return (case[0] if case else SILENT_MS), message_ms, (case[1] if case else None)


@dataclass
class Seen:
    """What a child said before it ended."""

    points: list[str]
    clock_ms: int
    late_ms: dict[str, list[int]]
    killed: bool


def child(village: Village, begun_ms: int, kill_at: int | None) -> Seen:
    """A backend in a process of its own, to its rest or to its death."""
    village.db.dispose()  # no connection is shared with the child
    ear, mouth = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(ear)
            points = Points(lambda words: _say(mouth, words), kill_at)
            points.watch(village.db)
            backend(village, begun_ms, points.say)
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - told by the exit; the child must not run on as the parent
            sys.stderr.write(f"the backend failed: {type(error).__name__} {error}\n")
            os._exit(1)
    os.close(mouth)
    lines = _hear(ear)
    status = os.waitpid(pid, 0)[1]
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status:
        raise RuntimeError("a backend failed; see above")
    late: dict[str, list[int]] = {"step": [], "message": []}
    for words in (line.split() for line in lines if line.startswith("late ")):
        late[words[1]].append(int(words[2]))
    clocks = [int(line.split()[1]) for line in lines if line.startswith("clock ")]
    return Seen([line[6:] for line in lines if line.startswith("point ")], max(clocks, default=begun_ms), late, killed)


def _say(mouth: int, words: str) -> None:
    os.write(mouth, f"{words}\n".encode())


def _hear(ear: int) -> list[str]:
    said = b""
    with closing(os.fdopen(ear, "rb", 0)) as pipe:
        while select.select([pipe], [], [], 300)[0]:
            more = pipe.read(65_536)
            if not more:
                return said.decode().splitlines()
            said += more
    raise RuntimeError("a backend said nothing for five minutes")


# ---- What became of it -----------------------------------------------------------------------------------------------


@dataclass
class Figures:
    """Of all lives."""

    incidents: int = 0
    kills: int = 0
    lost: int = 0
    unsettled: int = 0
    line_messages: int = 0
    line_most: int = 0
    twilio_messages: int = 0
    twilio_duplicates: int = 0
    twilio_duplicates_unexplained: int = 0
    twilio_ambiguous: int = 0
    step_latest_ms: int = 0
    message_latest_ms: int = 0
    killed_at: Counter[str] = field(default_factory=Counter)

    @property
    def are_good(self) -> bool:
        """Whether every promise held."""
        held = self.lost == self.unsettled == self.twilio_duplicates_unexplained == 0
        return held and self.line_most <= 1 and self.step_latest_ms <= 5_000

    def add(self, village: Village) -> None:
        """Look at the vendors and at the store when a life has come to rest."""
        line = village.line.state()["acceptances"]
        twilio = village.twilio.ask("state")
        with reading(village.db) as connection:
            rows = connection.execute(sqlalchemy.select(deliveries)).all()
            tries = connection.execute(sqlalchemy.select(attempts)).all()
        self.incidents += 1
        got = {item["to"] for item in line} | {item["to"] for item in twilio["messages"] + twilio["calls"]}
        missed = [who for who, ways in village.addresses.items() if not got & set(ways.values())]
        self.lost += bool(missed)
        ends = {DeliveryState.ACCEPTED, DeliveryState.CANCELLED, *FAILED}
        self.unsettled += sum(row.state not in ends for row in rows)
        keys = Counter(item["key"] for item in line)
        self.line_messages += len(keys)
        self.line_most = max(self.line_most, *keys.values(), 0)
        for channel, taken in (("sms", twilio["messages"]), ("voice", twilio["calls"])):
            self._add_twilio(village, channel, Counter(item["to"] for item in taken), rows, tries)

    def _add_twilio(
        self, village: Village, channel: str, taken: Counter[str], rows: Sequence[Any], tries: Sequence[Any]
    ) -> None:
        for who, ways in village.addresses.items():
            mine = {row.id for row in rows if (row.person_id, row.channel) == (who, channel)}
            unknown = [row for row in tries if row.delivery_id in mine and row.outcome in ("ambiguous", None)]
            unclear = sum(not (row.detail or "").startswith(NOT_LOOKED_UP) for row in unknown)
            twice = max(taken[ways[channel]] - len(mine), 0)
            self.twilio_messages += taken[ways[channel]]
            self.twilio_ambiguous += unclear
            self.twilio_duplicates += twice
            self.twilio_duplicates_unexplained += max(twice - unclear, 0)

    def hear(self, seen: Seen) -> None:
        """How late a backend was, and where it died."""
        self.step_latest_ms = max(self.step_latest_ms, *seen.late_ms["step"], 0)
        self.message_latest_ms = max(self.message_latest_ms, *seen.late_ms["message"], 0)
        if seen.killed:
            self.kills += 1
            self.killed_at[seen.points[-1]] += 1


def live(village: Village, rng: random.Random, kill_at: int | None, figures: Figures) -> Seen:
    """One life; one in four is killed a second time. Gives what the first backend said."""
    village.begin(rng)
    first = seen = child(village, SILENT_MS, kill_at)
    figures.hear(seen)
    while seen.killed:
        again = rng.randrange(8) if rng.random() < 1 / 4 else None
        seen = child(village, seen.clock_ms + rng.choice(OUTAGES_MS), again)
        figures.hear(seen)
    if kill_at is None or first.killed:  # a point that was not reached proves nothing
        figures.add(village)
    return first


@contextmanager
def vendors() -> Iterator[tuple[LineProcess, TwilioProcess]]:
    """The doubles, while they run."""
    with LineProcess() as line:
        twilio = TwilioProcess()
        try:
            yield line, twilio
        finally:
            twilio.stop()


@contextmanager
def cast(store: str | None, line: LineProcess, twilio: TwilioProcess) -> Iterator[Village]:
    """The store and the people."""
    with tempfile.TemporaryDirectory(prefix="mimamori-crash-") as folder:
        village = Village(store, Path(folder), line, twilio)
        yield village
        village.db.dispose()


class _Quiet(random.Random):
    """Never lets the vendors fail."""

    def random(self) -> float:
        return 1.0


def run(store: str | None, count: int, seed: int, line: LineProcess, twilio: TwilioProcess) -> Figures:
    """``count`` lives in each of which a backend was killed."""
    rng = random.Random(seed)  # noqa: S311 - not for secrets
    figures = Figures()
    with cast(store, line, twilio) as village:
        quiet = _Quiet()
        village.begin(quiet)
        backend(village, SILENT_MS, lambda _words: None)  # the children need not import what is imported late
        points = live(village, quiet, None, Figures()).points
        order = list(range(len(points)))
        while figures.incidents < count:
            if not figures.incidents % len(order):
                rng.shuffle(order)
            live(village, rng, order[figures.incidents % len(order)], figures)
            if figures.incidents % 100 == 0:
                sys.stderr.write(f"{figures.incidents} lives\n")
    return figures


def report(figures: Figures, store: str) -> str:
    """In words."""
    kills = f"{figures.kills} kills at {len(figures.killed_at)} named points"
    return f"""store {store}: {figures.incidents} incidents, {kills}
lost incidents (somebody was never reached)  {figures.lost}
messages left without an end                 {figures.unsettled}
LINE: messages, most acceptances of one      {figures.line_messages}, {figures.line_most}
Twilio: messages and calls, sent twice       {figures.twilio_messages}, {figures.twilio_duplicates}
Twilio: ambiguous tries                      {figures.twilio_ambiguous}
Twilio: duplicates without an ambiguous try  {figures.twilio_duplicates_unexplained}
latest step after its time or the restart    {figures.step_latest_ms / 1000:.2f} s
latest message after its time or the restart {figures.message_latest_ms / 1000:.2f} s
killed {"; ".join(f"{name} {times}" for name, times in sorted(figures.killed_at.items()))}"""


def main() -> int:
    """Run it; 0 when every promise held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--incidents", type=int, default=100)
    parser.add_argument("--store", action="append", help="sqlite, or the address of an empty PostgreSQL database")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--json", action="store_true", help="the figures alone, for a program")
    options = parser.parse_args()
    kept = True
    with vendors() as (line, twilio):
        for store in options.store or ["sqlite"]:
            figures = run(None if store == "sqlite" else store, options.incidents, options.seed, line, twilio)
            print(json.dumps(vars(figures)) if options.json else report(figures, store.partition(":")[0]), flush=True)
            kept &= figures.are_good
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
