"""The channel ``home``: a question asked by the devices in the home, over the broker."""
