"""Exit codes, and which errors are the user's to mend."""

import importlib.util

DONE = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130


class UsageError(ValueError):
    """Wrong usage, settings or input; the message names the thing and the remedy."""


def missing_package(error: ModuleNotFoundError) -> str | None:
    """The package that is not there, which an extra brings; None: one of its modules is missing, which is a mistake."""
    package = (error.name or "").partition(".")[0]
    return package if package and importlib.util.find_spec(package) is None else None


def usage_errors() -> tuple[type[Exception], ...]:
    """The errors whose message is all that the user needs: no traceback."""
    from alerts.errors import PlanRefused, StaleCase, TrialRefused
    from dashboard.site.access import RefusedAddress
    from edge_agent.errors import EdgeError
    from mimamori.broker import BrokerError
    from simulators.vendors.double_process import DoubleProcessError
    from store.checks import RegistryError
    from store.engine import StoreError
    from store.lease import LeaseError
    from store.retention import RetentionError
    from store.timeseries.opening import TimeSeriesAddressError
    from store.timeseries.port import TimeSeriesError

    ours = (
        UsageError,
        RefusedAddress,
        BrokerError,
        DoubleProcessError,
        EdgeError,
        PlanRefused,
        StaleCase,
        TrialRefused,
    )
    stores = (StoreError, LeaseError, TimeSeriesAddressError, TimeSeriesError)
    return (*ours, RegistryError, RetentionError, *stores)
