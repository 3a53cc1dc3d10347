"""What only the demo shows: the phones, and the speed of its clock."""
