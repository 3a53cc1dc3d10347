"""Raw events by time: one port, one technology a file."""
