"""No incident without a due timer, and only a human answer ends one.

A deadline that passes opens an incident in the same database as the watching, so no message between the two can be
lost. Pure decisions: ``incident``, ``ladder``, ``delivery``. The rest moves them through the database and the channels.
"""
