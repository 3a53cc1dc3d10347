"""The real agents of a whole town of simulated homes, in a process of their own."""
