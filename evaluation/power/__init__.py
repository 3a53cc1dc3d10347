"""What a meter alone can say about a person, evaluated on recorded homes."""
