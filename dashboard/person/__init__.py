"""The pages of one person: how they are, who watches over them, and what staff record."""
