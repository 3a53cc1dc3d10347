"""What is noticed besides silence: one diary of a home, a kind of note a file, each with its own evidence."""
