"""What the store and the register write into ``audit.what``: closed sets of codes, with parameters in ``params``."""

from enum import StrEnum


class RegisterChange(StrEnum):
    """A row of the register changed: ``id`` says which, ``columns`` which of its values, ``cause`` why."""

    ORGANISATION_ADDED = "organisation_added"
    ORGANISATION_CHANGED = "organisation_changed"
    PERSON_ADDED = "person_added"
    PERSON_CHANGED = "person_changed"
    PERSON_OPTED_OUT = "person_opted_out"
    PERSON_OPTED_IN = "person_opted_in"
    HOME_ADDED = "home_added"
    HOME_CHANGED = "home_changed"
    RELATION_ADDED = "relation_added"
    RELATION_CHANGED = "relation_changed"
    RELATION_REVOKED = "relation_revoked"
    CONTACT_METHOD_ADDED = "contact_method_added"
    CONTACT_METHOD_CHANGED = "contact_method_changed"
    CONTACT_METHOD_VERIFIED = "contact_method_verified"
    CONTACT_METHOD_LINKED = "contact_method_linked"
    CONTACT_METHOD_DISABLED = "contact_method_disabled"
    CONTACT_METHOD_ENABLED = "contact_method_enabled"
    ABSENCE_ADDED = "absence_added"
    ABSENCE_CANCELLED = "absence_cancelled"
    LEAVE_ADDED = "leave_added"
    LEAVE_CHANGED = "leave_changed"
    LEAVE_CANCELLED = "leave_cancelled"


class Upkeep(StrEnum):
    """Old data were removed, or a person was."""

    EVENTS_TRIMMED = "events_trimmed"
    """``before_ms``: everything older went; and how many of each."""
    TRIMMING_DEFERRED = "trimming_put_off"
    """``events`` from before ``before_ms`` are too many to go at once."""
    PERSON_ERASED = "person_erased"
    """``id``: who."""
