"""Who is asked or called: at which step, whose turn it is, and how often the person may be asked. Pure."""
