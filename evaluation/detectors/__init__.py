"""What is compared: the rhythm, and the baselines beside it."""
