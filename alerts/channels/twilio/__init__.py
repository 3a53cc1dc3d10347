"""What is said and answered by telephone: the words of calls and SMS, keys pressed, replies."""
