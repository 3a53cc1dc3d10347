"""An incident from its first signal to its outcome: what moves it, who is asked, and what they answered."""
