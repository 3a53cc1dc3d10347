"""Gateways and sensors: which are registered, and which are alive."""
