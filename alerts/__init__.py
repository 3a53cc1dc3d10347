"""No incident without a due timer, and only a human answer ends one.

A deadline that passes opens an incident in the same database as the watching, so no message between the two can be
lost. ``signals`` says what holds now, ``decisions`` decides (pure), ``incidents`` writes it down, ``delivery`` sends it
by ``channels``.
"""
