"""What comes from the broker: decoded, deduplicated, given its meaning, or put into quarantine."""
