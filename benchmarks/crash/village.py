"""The story: a person, two neighbours and the council in a store, and LINE and Twilio as processes of their own."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import insert, update

from alerts.channels.line.api import LineApi
from alerts.channels.line.channel import LineChannel
from alerts.channels.twilio.settings import TwilioSettings
from alerts.channels.twilio.sms import TwilioSms
from alerts.channels.twilio.voice import TwilioVoice
from alerts.delivery.sender import Sender
from alerts.ports import Channel
from alerts.settings import AlertsSettings
from simulators.vendors.line.process import LineProcess
from simulators.vendors.twilio.process import TwilioProcess
from simulators.vendors.twilio.world import ACCOUNT_SID, TOKEN
from store.engine import open_store
from store.register.registry import edit
from store.schema import contact_methods, gateways, live_states, metadata

START_MS = 1_767_225_600_000
HOUR_MS = 3_600_000
SILENT_MS = START_MS + 2 * HOUR_MS  # when the person is to be asked
OUTER = "https://mimamori.invalid"
NUMBER = "+81900000000{}"
PEOPLE = {  # each with the first and the second way of being reached
    "hana": ("line", "sms"),
    "ichiro": ("sms", "line"),
    "jiro": ("voice", "line"),
    "shiki": ("sms", "voice"),
}


@contextmanager
def vendors() -> Iterator[tuple[LineProcess, TwilioProcess]]:
    """The doubles of LINE and Twilio, while they run."""
    with LineProcess() as line, TwilioProcess(reach=f"{OUTER}=http://127.0.0.1:9") as twilio:
        yield line, twilio


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
        self.twilio.control("reset")
        self.twilio.control("faults", callbacks=["hold"])
        self.addresses = self._settle()
        if rng.random() < 1 / 3:
            self._vendors_fail(rng)

    def _settle(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        with edit(self.db, actor="benchmark", now_ms=START_MS - 24 * HOUR_MS) as registry:
            registry.add_organisation("社会福祉協議会", "council", id="council")
            for n, (who, channels) in enumerate(PEOPLE.items()):
                registry.add_person(f"山田 {who}", id=who)
                found[who] = {"line": self.line.friend(who), "sms": NUMBER.format(n), "voice": NUMBER.format(n)}
                self.twilio.control("number", number=NUMBER.format(n), voice="rings")
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
            self.line.control("faults", kind=rng.choice(["error_before_accept", "error_after_accept", "rate"]))
        kinds = ["error_before", "error_after_accept", "rate", "look_up_error"]
        self.twilio.control("faults", requests=[rng.choice(kinds) for _ in range(rng.randint(1, 4))])

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
        return Sender(self.db, channels, f"worker-{os.getpid()}", None, AlertsSettings())
