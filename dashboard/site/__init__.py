"""What every page shares: who may see it, how it is rendered, its language, and its live updates."""
