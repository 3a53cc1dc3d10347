"""The board: who needs someone now, who is going, by when, and what happens next."""
