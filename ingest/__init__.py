"""Effects and cursor commit together.

Validate, deduplicate, store, move the deadline, then ack. The edge outbox is the replay log, so a crash anywhere loses
and doubles nothing.
"""
