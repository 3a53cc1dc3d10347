"""LINE on this machine: its Messaging API as the vendor describes it, its webhooks with their faults, its phones."""
