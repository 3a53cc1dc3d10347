"""Messages as files in a folder: what each phone would show."""
