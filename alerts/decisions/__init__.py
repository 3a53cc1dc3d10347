"""What is decided, without reading or writing anything: values in, decisions out; time is an argument.

The incident and its ladder, whose turn it is, what defers, what becomes of a message, when a home is due, from when a
statement counts and what holds after all of them. Held to that by import-linter.
"""
