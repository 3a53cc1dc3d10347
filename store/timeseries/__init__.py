"""Raw events by time: one port, one technology a file."""

from store.timeseries.opening import TimeSeriesAddressError, open_timeseries
from store.timeseries.port import Point, TimeSeries, TimeSeriesError, UnstorablePoint

__all__ = ["Point", "TimeSeries", "TimeSeriesAddressError", "TimeSeriesError", "UnstorablePoint", "open_timeseries"]
