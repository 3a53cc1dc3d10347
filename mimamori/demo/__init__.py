"""The demo: a simulated town, those who are asked there, and the time that runs fast."""
