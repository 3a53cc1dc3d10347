"""LINE, as it answers: webhooks strictly read, each taken once, and accounts linked to people."""
