"""The parts of ``crash_injection.py``: the story, the work, the killing and the counting."""
