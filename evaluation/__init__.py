"""What the watching is worth, shown on recorded and simulated lives, beside the baselines, by one command."""
