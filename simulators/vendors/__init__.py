"""The services outside, played on this machine: LINE, Twilio, InfluxDB."""
