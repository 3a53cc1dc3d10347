"""The signals that hold now: silences, calls for help, lost devices, and what was noticed.

Nothing is queued: conditions are read from the store again at every tick, so none can be lost between two processes.
"""

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, select

from alerts.settings import Settings
from alerts.signals.conditions import calls_again, is_helped, of_home
from alerts.signals.lost_devices import lost_devices
from alerts.signals.noted import due_signals, read_noticed
from alerts.signals.silences import due_silences
from contracts.signals import Sentence, Signal, SignalKind
from store.schema import homes, live_states


def read_signals(
    connection: Connection, now_ms: int, settings: Settings, listening_since_ms: int = 0, home: str | None = None
) -> list[Signal]:
    """The signals that hold now and have not opened an incident.

    Args:
        connection: to read from.
        now_ms: now, ms UTC.
        settings: when a gateway counts as lost.
        listening_since_ms: since when this backend hears the homes; before that, their silence is its own.
        home: look at this home alone; None for all.
    """
    pressed = [_pressed(row.home_id, row.help_ms) for row in connection.execute(of_home(presses, home), {"home": home})]
    pressed += [
        _called(row.home_id, row.at_ms) for row in connection.execute(of_home(calls_again, home), {"home": home})
    ]
    noticed = due_signals(read_noticed(connection, now_ms, settings, home), now_ms)
    lost = lost_devices(connection, now_ms, settings, listening_since_ms, home)
    return pressed + due_silences(connection, now_ms, home) + lost + noticed


@cache
def presses() -> Select[Any]:
    """Presses of the help button that no incident has answered: a press during an open one belongs to that one."""
    query = select(live_states.c.home_id, live_states.c.help_ms).join(homes, homes.c.id == live_states.c.home_id)
    return query.where(live_states.c.help_ms.is_not(None), ~is_helped(live_states.c.home_id, live_states.c.help_ms))


def _pressed(home: str, at_ms: int) -> Signal:
    reason = Sentence("助けを呼ぶボタンが押されました。", "The help button was pressed.")
    return Signal(home, SignalKind.HELP, at_ms, at_ms, at_ms, reason)


def _called(home: str, at_ms: int) -> Signal:
    reason = Sentence("ご本人から助けを求める返事がありました。", "The person answered that help is needed.")
    return Signal(home, SignalKind.HELP, at_ms, at_ms, at_ms, reason)
