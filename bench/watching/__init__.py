"""Those who watch: what they cost, and what they get."""
