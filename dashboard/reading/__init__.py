"""What the pages read: queries over the store, and the states they show."""
