"""What crosses a border, and nothing else.

Events and their envelope, topics, signals, clock quality and the errors that name what is wrong with a message; and how
long either side waits before it tries again.
Standard library only: the edge agent installs this and an MQTT client, nothing more. The same facts are documented
for other implementers in ``docs/asyncapi.yaml``; a test holds the two against each other.
"""
