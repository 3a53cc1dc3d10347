"""The page behind the link in a message: what a responder sees and answers."""
