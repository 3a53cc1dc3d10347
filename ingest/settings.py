"""Settings of ingest, checked at the start."""

from pydantic.dataclasses import dataclass

from store.settings import STRICT_KEYS, Count, Positive


@dataclass(frozen=True, slots=True, config=STRICT_KEYS)
class IngestSettings:
    """How ingest treats what homes send.

    Attributes:
        max_future_s: an event further ahead of the backend's clock than this goes to quarantine.
        max_lag_s: an event that is not back-filled and older than this goes to quarantine; None: of any age.
        help_valid_s: a back-filled press of the help button that is older pages no one.
        history_days: how far back a rhythm is learned anew from the stored events.
        quiet_before_learning_s: how long no back-filled event must have come before a back-log counts as done.
        group_messages: how many queued messages are processed as one group.
        queue_messages: how many messages may wait in memory; more are discarded, and sent again by their agents.
        retry_least_s: first pause before a new try, of the broker or of the stores.
        retry_most_s: longest such pause.
    """

    max_future_s: Positive = 3600.0
    max_lag_s: Positive | None = 30 * 86_400.0
    help_valid_s: Positive = 900.0
    history_days: Positive = 400.0
    quiet_before_learning_s: Positive = 60.0
    group_messages: Count = 64
    queue_messages: Count = 10_000
    retry_least_s: Positive = 0.2
    retry_most_s: Positive = 30.0

    def __post_init__(self) -> None:
        if self.retry_most_s < self.retry_least_s:
            raise ValueError("retry_most_s must not be below ingest.retry_least_s")
