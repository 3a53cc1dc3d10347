"""What a home remembers of its past, and what that counts for on the coming day."""
