"""The outbox: what was seen at home and is not yet known to be stored, kept in a file that outlives a power cut."""
