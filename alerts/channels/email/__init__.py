"""The channel ``email``: what it sends, and its settings."""
