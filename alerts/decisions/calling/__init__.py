"""Who is asked or called: at which step, whose turn it is, how a claim ends, how often a person may be asked. Pure."""
