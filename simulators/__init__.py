"""Everything the product touches can be played on one machine."""
