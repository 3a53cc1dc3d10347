"""Messages printed at a terminal."""
