"""The pages of areas: an outage of many homes at once, and its summary."""
