"""What the doubles of all vendors do the same way: application, control endpoint, webhooks, phones, process."""
