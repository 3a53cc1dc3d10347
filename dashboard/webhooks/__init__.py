"""Where LINE and Twilio call back: signatures are checked, events are taken in."""
