"""What is counted in this process, for the metrics page: bad input changes nothing, and nobody should have to guess."""

from typing import Final

from prometheus_client import Counter

WEBHOOK_EVENTS: Final = Counter(
    "mimamori_webhook_events",
    "Webhook requests and events of the vendors, by what became of them.",
    ["channel", "outcome"],
)
"""Labels: ``channel`` as in the contact methods; ``outcome`` a word such as answered, repeated, bad_signature."""


def count_webhook(channel: str, outcome: str) -> None:
    """One more webhook request or event of ``channel`` that ended as ``outcome``; never with personal data."""
    WEBHOOK_EVENTS.labels(channel=channel, outcome=outcome).inc()
