"""One family of sensors a file, behind the port in ``edge_agent.ports``."""
