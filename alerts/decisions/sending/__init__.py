"""What becomes of a message: attempts and receipts, and several messages sent as one. Pure."""
