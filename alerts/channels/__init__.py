"""One way of reaching a contact method a folder: sending, receiving, words, settings, and its provider."""
