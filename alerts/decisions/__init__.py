"""What is decided, without reading or writing anything: values in, decisions out; time is an argument.

The incident and its ladder, who is called in turn, what puts off, what is told in one message, one message's own way,
when a home is due. Held to that by import-linter.
"""
