"""The phones of the demo: the vendors' doubles as child processes, and the hands of those whom the story plays."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alerts.channels.line.settings import LineSettings
from alerts.channels.registry import ChannelSettings
from alerts.channels.twilio.settings import TwilioSettings
from simulators.town.contacts import LINE, SMS, VENDORS, VOICE
from simulators.town.neighbourhood import Contact, Neighbourhood
from simulators.vendors.base.clock import SharedClock
from simulators.vendors.line.process import LineProcess
from simulators.vendors.twilio.process import TwilioProcess
from simulators.vendors.twilio.world import ACCOUNT_SID, TOKEN

RING_LIMIT_S: Final = 40.0
"""How long a phone rings for the visitor, real seconds; all others are picked up, or not, by the story's time."""
_COUNCIL_NUMBER: Final = "+819000009999"


@dataclass(frozen=True, slots=True)
class Phones:
    """Both doubles, whose screens show the time of ``clock``."""

    line: LineProcess
    twilio: TwilioProcess
    clock: SharedClock

    def introduce(self, town: Neighbourhood, contacts: Mapping[str, Sequence[Contact]]) -> None:
        """Wait until the doubles answer, and give everybody their phone. Raises DoubleProcessError."""
        self.line.await_answer()
        self.twilio.await_answer()
        for member in town.people:
            ways = contacts[member.id]
            for address in dict.fromkeys(way.address for way in ways if way.channel == LINE):
                self.line.friend(member.name, address)
            for number in dict.fromkeys(way.address for way in ways if way.channel in (SMS, VOICE)):
                self.twilio.control("number", number=number, name=member.name)

    @property
    def screens(self) -> Mapping[str, str]:
        """By channel: where the screen of an address is."""
        at = {LINE: self.line.url, SMS: self.twilio.url, VOICE: self.twilio.url}
        return {channel: at[channel] + "/phone/{address}" for channel in sorted(VENDORS)}

    def settings(self, folder: Path, page_url: str) -> ChannelSettings:
        """What the product needs to send by the doubles; writes the keys into the folder."""
        keys = {"line.token": self.line.token, "line.secret": self.line.secret, "twilio.token": TOKEN}
        for name, key in keys.items():
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(key + "\n")
        twilio = TwilioSettings(
            account_sid=ACCOUNT_SID,
            token_file=folder / "twilio.token",
            sms_from=_COUNCIL_NUMBER,
            voice_from=_COUNCIL_NUMBER,
            public_url=page_url,
            sms_replies=True,
            api_url=self.twilio.url,
        )
        line = LineSettings(folder / "line.token", folder / "line.secret", self.line.url)
        return ChannelSettings(outbox=folder / "phones", line=line, twilio=twilio)


@contextlib.contextmanager
def open_phones(folder: Path, page_url: str, now_ms: int) -> Iterator[Phones]:
    """Start both doubles without waiting for them; on leaving, stop them.

    Args:
        folder: for their logs and their clock.
        page_url: where the product takes webhooks.
        now_ms: what their clock shows first, ms UTC.
    """
    with contextlib.ExitStack() as stack:
        clock = stack.enter_context(contextlib.closing(SharedClock(folder / "clock", now_ms)))
        line = LineProcess(webhook=f"{page_url}/webhooks/line", clock=clock.path, log_path=folder / "line.log")
        twilio = TwilioProcess(
            incoming=f"{page_url}/webhooks/twilio/incoming",
            clock=clock.path,
            ring_limit=RING_LIMIT_S,
            log_path=folder / "twilio.log",
        )
        for double in (line, twilio):
            stack.callback(double.stop)
            double.begin()
        yield Phones(line, twilio, clock)
