"""Every event buys the person a new deadline.

Pure: no clock, no files, no network; time comes in as an argument. Learning happens once a night; the hot path is a
table look-up.
"""
