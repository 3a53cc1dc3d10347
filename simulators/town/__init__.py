"""Who lives in the simulated town, who watches over whom, and what happens there."""
