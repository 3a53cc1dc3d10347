"""Simulated people: how they live at home, what sensors see of it, and how they answer."""
