"""``[channels.home]``: the person is asked in the home, through its agent."""

from pydantic.dataclasses import dataclass

from store.settings import STRICT_KEYS, Count


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class HomeSettings:
    """How homes are asked.

    Attributes:
        enabled: whether it is a channel at all. The broker is that of ``[broker]``.
        timeout_s: how long a home may take to say that it chimed, seconds; less than half of ``alerts.lease_s``.
    """

    enabled: bool = False
    timeout_s: Count = 10
