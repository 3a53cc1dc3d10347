"""Twilio on this machine: its API held against the vendor's description, its callbacks with their faults, phones."""
