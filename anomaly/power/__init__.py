"""What the power a home draws says of who lives there: from watts to signs of life, if this meter can tell."""
