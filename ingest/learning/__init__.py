"""What is learned of each home at night: its rhythm, and its use of power."""
