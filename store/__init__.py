"""What is remembered, where, and for how long."""
