"""An event is the agent's until the backend says it is stored.

A power-cut-safe outbox; rows go only on our own end-to-end ack, never on the broker's. Imports ``contracts`` alone.
"""
