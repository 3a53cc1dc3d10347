"""What is noticed besides silence, evaluated on cases made of recorded and simulated lives."""
