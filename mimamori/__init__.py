"""The assembled product: CLI, settings, wiring. No rules of the domain."""
