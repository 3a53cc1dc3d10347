"""The link to the backend: what goes out of the outbox over MQTT, and what is known to have arrived."""
