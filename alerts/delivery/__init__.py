"""How a message reaches a person: written before it is sent, sent under a lease, and followed to its end."""
