"""What can be wrong with a message.

::

    ContractError
    ├── MalformedMessage      not JSON, wrong shape, wrong type, number out of range
    │   ├── OversizedMessage  more bytes or more events than the contract allows
    │   └── UnknownVerb       a command of a later version
    ├── UnknownVersion        a major version that this reader does not know
    ├── ForeignGateway        the payload names another gateway than the topic
    └── InvalidTopic          a topic outside ``mim/v1/…`` or a gateway id with characters MQTT gives a meaning
"""


class ContractError(ValueError):
    """A message broke the contract.

    ``reason`` is a stable word for counters and the quarantine table; ``detail`` names the field and what was expected,
    never the value of a field that could be personal.
    """

    reason = "contract"

    def __init__(self, detail: str) -> None:
        super().__init__(f"{self.reason}: {detail}")
        self.detail = detail


class MalformedMessage(ContractError):
    """The payload is not JSON, or a field is missing, of the wrong type or out of range."""

    reason = "malformed"


class OversizedMessage(MalformedMessage):
    """The payload has more bytes or more events than the contract allows."""

    reason = "oversized"


class UnknownVerb(MalformedMessage):
    """A command whose verb this reader does not know, perhaps one of a later version."""


class UnknownVersion(ContractError):
    """The payload says a major version that this reader does not know."""

    reason = "unknown_version"


class ForeignGateway(ContractError):
    """The payload names another gateway than the topic it came on, which the broker tied to the certificate."""

    reason = "foreign_gateway"


class InvalidTopic(ContractError):
    """The topic is not one of the contract's."""

    reason = "invalid_topic"
