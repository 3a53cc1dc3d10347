"""The backend as it runs on a server: settings, keys, channels, broker, and the roles."""
