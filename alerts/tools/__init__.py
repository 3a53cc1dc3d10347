"""What helps staff and the demo: a dry run of a ladder, a test message, and the next moment with something to do."""
