"""The homes that are watched, and what is known of each: its clock, its last sign of life, its deadlines."""
