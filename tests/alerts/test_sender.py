"""In which order messages go out, and what does not hold them up."""

import time

from alerts.ports import SendOutcome, SendResult
from alerts.settings import AlertsSettings
from store.register.registry import edit

HOUR = 3_600_000
SECOND = 1000


class Silent:
    """A vendor that lets every request time out."""

    name = "outbox"

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s
        self.asked = 0

    def send(self, _message):
        self.asked += 1
        time.sleep(self.after_s)
        return SendResult(SendOutcome.AMBIGUOUS, detail="timed out")


class Noted:
    name = "console"

    def __init__(self) -> None:
        self.purposes = []

    def send(self, message):
        self.purposes.append((message.kind, message.purpose))
        return SendResult(SendOutcome.OK)


def crowd(village, start, people=12):
    """So many people who are asked at once by a channel that is out of order, and 花 with two of the staff."""
    with edit(village.db, actor="test", now_ms=start) as registry:
        for number in range(people):
            who = registry.add_person(f"住民 {number}", id=f"p{number}")
            registry.add_contact_method(who, "outbox", f"phone-{number}")
            registry.add_home(who, "council", f"gw-{number}", area=f"{number}丁目", id=f"home-{number}")
        registry.add_contact_method("shiki", "console", "desk", rank=0, id="m-desk")
        registry.disable_contact_method("m-shiki", "moved")
    for number in range(people):
        village.lives(start, home=f"home-{number}")
        village.beats(start + 2 * HOUR, f"gw-{number}")
    village.beats(start + 2 * HOUR)
    village.engine.tick(start + 2 * HOUR)


def test_a_call_for_help_goes_first_although_it_is_the_newest(village, start):
    crowd(village, start)
    village.presses("help", start + 2 * HOUR + SECOND)
    village.engine.tick(start + 2 * HOUR + SECOND)
    order = []

    class Listening(Noted):
        def send(self, message):
            order.append(message.kind)
            return SendResult(SendOutcome.OK)

    village.new_sender("w", {"outbox": Listening(), "console": Listening()}).run_due(start + 2 * HOUR + SECOND)
    calls = [number for number, kind in enumerate(order) if kind == "help"]
    assert calls == list(range(len(calls)))
    assert len(order) > len(calls) > 1


def test_a_vendor_that_lets_requests_time_out_is_left_for_the_next_run(found_village, start):
    village = found_village(neighbours=1, staff=1, settings=AlertsSettings(lease_s=6))
    village.lives(start)
    crowd(village, start)
    dead = Silent(after_s=0.6)  # a tenth of a lease, as ten seconds are a sixth of a minute
    report = village.new_sender("w", {"outbox": dead, "console": Noted()}).run_due(start + 2 * HOUR)
    assert dead.asked == 2
    assert (report.ambiguous, report.left) == (2, 11)
