"""One way of reaching a contact method a file."""
